import { createContext } from 'preact';
import type { ComponentChildren } from 'preact';
import { useCallback, useContext, useEffect, useState } from 'preact/hooks';

const SHOWN_MS = 6_000;

const AnnouncerContext = createContext<(text: string) => void>(() => undefined);

/** Tells the result of an action, to eyes and to screen readers. */
export function Announcer({ children }: { readonly children: ComponentChildren }) {
  const [news, setNews] = useState<{ readonly text: string } | null>(null);
  const announce = useCallback((text: string) => {
    setNews({ text });
  }, []);
  useEffect(() => {
    if (!news) return undefined;
    const timer = setTimeout(() => {
      setNews(null);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [news]);
  return (
    <AnnouncerContext.Provider value={announce}>
      {children}
      <div class="announcer" role="status">
        {news && <p>{news.text}</p>}
      </div>
    </AnnouncerContext.Provider>
  );
}

export function useAnnounce(): (text: string) => void {
  return useContext(AnnouncerContext);
}
