import { useCallback, useEffect, useRef, useState } from 'react';
import { Refused } from './client.ts';

export interface Loaded<T> {
  readonly value: T | null;
  readonly refused: Refused | null;
  /** Reads again; what is shown stays until the new value is there. */
  reload(): void;
  /** Changes what is shown, as a live word tells. */
  change(next: (value: T) => T): void;
}

/**
 * Reads something for a page.
 * @param key what is read; another key forgets the old value
 */
export function useLoaded<T>(key: string, read: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value: T | null; refused: Refused | null }>({ key, value: null, refused: null });
  const reader = useRef(read);
  reader.current = read;
  const newest = useRef(0);
  const reload = useCallback(() => {
    const turn = newest.current += 1;
    reader.current().then(
      (value) => { if (turn === newest.current) setState({ key, value, refused: null }); },
      (error: unknown) => {
        if (turn !== newest.current) return;
        const refused = error instanceof Refused ? error : new Refused(error, 0);
        setState((before) => ({ key, value: before.key === key ? before.value : null, refused }));
      },
    );
  }, [key]);
  useEffect(() => {
    reload();
    return () => { newest.current += 1; };
  }, [reload]);
  const change = useCallback((next: (value: T) => T) => {
    setState((before) => (before.value === null ? before : { ...before, value: next(before.value) }));
  }, []);
  const current = state.key === key ? state : { value: null, refused: null };
  return { value: current.value, refused: current.refused, reload, change };
}

/** Reads again every so often while the page is seen. */
export function useEvery(ms: number, act: () => void): void {
  const last = useRef(act);
  last.current = act;
  useEffect(() => {
    const timer = setInterval(() => { if (document.visibilityState === 'visible') last.current(); }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}
