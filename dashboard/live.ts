import { useEffect, useRef, useState } from 'react';
import { hrefOf } from './address.ts';

export type Link = 'joining' | 'live' | 'lost';

/**
 * Follows a live stream. The browser comes back by itself with the id of the last word; what it missed is told again,
 * or `reset` is.
 * @param path null follows nothing
 */
export function useLive(path: string | null, words: Readonly<Record<string, (value: never) => void>>): Link {
  const [link, setLink] = useState<Link>('joining');
  const heard = useRef(words);
  heard.current = words;
  const names = Object.keys(words).join(' ');
  useEffect(() => {
    if (path === null) return undefined;
    let source: EventSource | null = null;
    let again: ReturnType<typeof setTimeout> | undefined;
    const open = (): void => {
      source = new EventSource(hrefOf(path));
      source.addEventListener('open', () => setLink('live'));
      source.addEventListener('error', () => {
        setLink('lost');
        // A refused stream is closed for good: the farm may be starting again.
        if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, 2000);
      });
      for (const name of names.split(' ')) {
        source.addEventListener(name, (event) => heard.current[name]?.(JSON.parse((event as MessageEvent<string>).data) as never));
      }
    };
    open();
    return () => {
      clearTimeout(again);
      source?.close();
    };
  }, [path, names]);
  return link;
}
