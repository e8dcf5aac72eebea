/** Where the dashboard is and which page is open. Paths inside are without the prefix, with a slash in front. */
import { useSyncExternalStore } from 'react';

const base = new URL(document.baseURI).pathname;

/** The full address of a page or of an answer of the API. */
export const hrefOf = (path: string): string => base + path.replace(/^\//, '');

/** The address of the farm, no slash at the end. */
export const farmUrl = (): string => (location.origin + base).replace(/\/$/, '');

const pathNow = (): string => `/${location.pathname.slice(base.length)}`;
const listeners = new Set<() => void>();
const listen = (heard: () => void): (() => void) => {
  listeners.add(heard);
  return () => { listeners.delete(heard); };
};
window.addEventListener('popstate', () => { for (const heard of listeners) heard(); });

/** Opens a page without loading the document again; focus goes to its heading. */
export function go(path: string, how: 'push' | 'replace' = 'push'): void {
  const [before] = pathNow().split('?');
  if (how === 'push') history.pushState(null, '', hrefOf(path));
  else history.replaceState(null, '', hrefOf(path));
  for (const heard of listeners) heard();
  if (path.split('?')[0] === before) return;
  scrollTo(0, 0);
  document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
}

/** Path and query of the page that is open. */
export function useAddress(): { path: string; query: URLSearchParams } {
  const path = useSyncExternalStore(listen, pathNow);
  const search = useSyncExternalStore(listen, () => location.search);
  return { path, query: new URLSearchParams(search) };
}

/** Parts of a path, decoded; an address that cannot be decoded is no page. */
export function partsOf(path: string): string[] {
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return ['?'];
  }
}

/** Builds a path of parts that may hold anything. */
export const pathOf = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`;
