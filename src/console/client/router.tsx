import { createContext } from 'preact';
import type { ComponentChildren } from 'preact';
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { PAGES } from '../pages.js';
import type { PagePath } from '../pages.js';

interface Router {
  readonly path: PagePath;
  /** Whether the page came by a link inside the console, so that the focus goes to its heading. */
  readonly isMoved: boolean;
  readonly navigate: (
    path: PagePath,
    options?: { readonly replace?: boolean; readonly query?: string },
  ) => void;
}

const RouterContext = createContext<Router | null>(null);

/** Whether the path is one of the console's pages. */
export function isPage(path: string): path is PagePath {
  return (Object.values(PAGES) as string[]).includes(path);
}

function currentPath(): PagePath {
  return isPage(location.pathname) ? location.pathname : PAGES.overview;
}

/** Tells the pages apart by the real path, which the history of the browser knows. */
export function RouterProvider({ children }: { readonly children: ComponentChildren }) {
  const [place, setPlace] = useState({ path: currentPath(), isMoved: false });
  useEffect(() => {
    const onMove = () => {
      setPlace({ path: currentPath(), isMoved: true });
    };
    addEventListener('popstate', onMove);
    return () => {
      removeEventListener('popstate', onMove);
    };
  }, []);
  const router = useMemo<Router>(
    () => ({
      ...place,
      navigate(path, { replace = false, query = '' } = {}) {
        if (replace) history.replaceState(null, '', path + query);
        else history.pushState(null, '', path + query);
        scrollTo(0, 0);
        setPlace({ path, isMoved: true });
      },
    }),
    [place],
  );
  return <RouterContext.Provider value={router}>{children}</RouterContext.Provider>;
}

export function useRouter(): Router {
  const router = useContext(RouterContext);
  if (!router) throw new Error('There is no router around this.');
  return router;
}

/** The path of the page; of one outside the console that of the document. */
export function usePath(): string {
  return useContext(RouterContext)?.path ?? location.pathname;
}

interface LinkProps {
  readonly to: PagePath;
  readonly children: ComponentChildren;
  readonly class?: string;
  /** Paths below which the link counts as the current one. */
  readonly section?: string;
  readonly onFollow?: () => void;
}

/** A link to a page: followed without a reload inside the console, and by itself elsewhere. */
export function Link({ to, children, class: className, section, onFollow }: LinkProps) {
  const router = useContext(RouterContext);
  const path = usePath();
  const isCurrent = path === to;
  const isWithin = section !== undefined && path.startsWith(section);
  return (
    <a
      href={to}
      {...(className !== undefined && { class: className })}
      {...((isCurrent || isWithin) && { 'aria-current': isCurrent ? 'page' : 'true' })}
      onClick={(event) => {
        const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
        if (!router || !isPlain || event.button !== 0) return;
        event.preventDefault();
        onFollow?.();
        router.navigate(to);
      }}
    >
      {children}
    </a>
  );
}

/** The heading of a page, which names the document too and takes the focus after a move. */
export function PageHeading({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  const { isMoved } = useRouter();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · CaseBender`;
    if (isMoved) heading.current?.focus();
  }, [title, isMoved]);
  return (
    <div class="page-heading">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
