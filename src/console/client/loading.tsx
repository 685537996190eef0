import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { getPage, messageOf } from './api.js';

interface Loaded<T> {
  readonly value: T | null;
  readonly error: string | null;
  readonly reload: () => void;
}

/** What `load` answers, once it has; an answer that was overtaken is dropped. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const turn = useRef(0);
  const first = useRef(load);
  const reload = useCallback(() => {
    const mine = ++turn.current;
    first.current().then(
      (loaded) => {
        if (mine !== turn.current) return;
        setValue(loaded);
        setError(null);
      },
      (reason: unknown) => {
        if (mine === turn.current) setError(messageOf(reason));
      },
    );
  }, []);
  useEffect(reload, [reload]);
  return { value, error, reload };
}

interface List<T> {
  readonly items: readonly T[] | null;
  readonly error: string | null;
  readonly hasMore: boolean;
  readonly more: () => void;
  readonly reload: () => void;
  /** Shows a changed item in the place of what it was. */
  readonly replace: (item: T) => void;
}

/** A list, page by page; an answer that was overtaken is dropped. */
export function useList<T extends { readonly id: string }>(path: string): List<T> {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const turn = useRef(0);
  const read = useCallback((from: string, isMore: boolean) => {
    const mine = ++turn.current;
    getPage<T>(from).then(
      (page) => {
        if (mine !== turn.current) return;
        setItems((shown) => (isMore ? [...(shown ?? []), ...page.items] : page.items));
        setNext(page.next);
        setError(null);
      },
      (reason: unknown) => {
        if (mine === turn.current) setError(messageOf(reason));
      },
    );
  }, []);
  const reload = useCallback(() => {
    read(path, false);
  }, [path, read]);
  useEffect(reload, [reload]);
  return {
    items,
    error,
    hasMore: next !== null,
    more: () => {
      if (next !== null) read(next, true);
    },
    reload,
    replace: (item) => {
      setItems((shown) => shown?.map((each) => (each.id === item.id ? item : each)) ?? null);
    },
  };
}

interface LoadingProps {
  readonly error: string | null;
  readonly isThere: boolean;
  readonly retry: () => void;
  readonly children: ComponentChildren;
}

/** The content once it is there, before it a word about why not. */
export function Loading({ error, isThere, retry, children }: LoadingProps) {
  if (error !== null) {
    return (
      <div class="notice danger" role="alert">
        <p>{error}</p>
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      </div>
    );
  }
  return isThere ? <>{children}</> : <p class="loading">Loading…</p>;
}
