/** What somebody typed, kept for this tab: a session that ends, a sign-in at another site or a reload loses nothing. */
import { useCallback, useState } from 'react';
import { go } from './address.ts';

const prefix = 'typed ';

/** Like state that outlives the page; `forget` is called when it was sent. A browser that keeps nothing makes it plain state. */
export function useKept<T>(name: string, first: T): [value: T, set: (next: T) => void, forget: () => void] {
  const [value, setValue] = useState<T>(() => read<T>(prefix + name) ?? first);
  const set = useCallback((next: T) => {
    setValue(next);
    write(prefix + name, next);
  }, [name]);
  const forget = useCallback(() => write(prefix + name, null), [name]);
  return [value, set, forget];
}

const backName = 'back after signing in';

/** Remembers the page that somebody leaves to sign in. */
export const leaveToSignIn = (path: string): void => write(backName, path);

/** Opens the page that somebody left to sign in; false where nobody did. */
export function comeBack(): boolean {
  const path = read<unknown>(backName);
  write(backName, null);
  if (typeof path !== 'string' || !path.startsWith('/')) return false;
  go(path, 'replace');
  return true;
}

function read<T>(name: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? 'null') as T | null;
  } catch {
    return null;
  }
}

function write(name: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is full or switched off: what is typed stays as long as the page does.
  }
}
