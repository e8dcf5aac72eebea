import type { ReactElement } from 'react';
import type { Link } from './live.ts';

const words: Readonly<Record<Link, string>> = { joining: 'Connecting', live: 'Live', lost: 'Reconnecting' };

/** Whether the page moves by itself now. */
export function LinkState({ link }: { link: Link }): ReactElement {
  return <span className={`link is-${link}`} role="status"><i aria-hidden="true" />{words[link]}</span>;
}
