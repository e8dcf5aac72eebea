/** Small pieces that every page uses. */
import { useEffect, useState, type AnchorHTMLAttributes, type ReactElement, type ReactNode } from 'react';
import { go, hrefOf } from './address.ts';
import type { Failure, Refused } from './client.ts';
import { ago, duration, exactly, size } from './words.ts';

/** A link to a page of the dashboard. */
export function A({ to, children, ...rest }: { to: string; children: ReactNode } & AnchorHTMLAttributes<HTMLAnchorElement>): ReactElement {
  return (
    <a {...rest} href={hrefOf(to)} onClick={(event) => {
      rest.onClick?.(event);
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(to);
    }}>{children}</a>
  );
}

let now = Date.now();
const clocks = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tick of clocks) tick();
}, 1000);

/** The time of this second. */
export function useNow(): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    const tick = (): void => setTime(now);
    clocks.add(tick);
    return () => { clocks.delete(tick); };
  }, []);
  return time;
}

/** A moment, readable; exact on hover. */
export function When({ at }: { at: string }): ReactElement {
  return <time dateTime={at} title={exactly(at)}>{ago(at, useNow())}</time>;
}

/** How long something took, or takes until now. */
export function Took({ from, to }: { from: string; to: string | null }): ReactElement {
  const time = useNow();
  const ms = (to === null ? time : Date.parse(to)) - Date.parse(from);
  return <span className="number" title={`${ms.toLocaleString('en')} ms`}>{duration(ms)}</span>;
}

export function Ms({ ms }: { ms: number | null }): ReactElement {
  return ms === null ? <span className="quiet">–</span> : <span className="number" title={`${ms.toLocaleString('en')} ms`}>{duration(ms)}</span>;
}

export function Size({ bytes }: { bytes: number | null }): ReactElement {
  return bytes === null ? <span className="quiet">–</span> : <span className="number" title={`${bytes.toLocaleString('en')} bytes`}>{size(bytes)}</span>;
}

/** A digest, short; whole on hover and when copied. */
export function Digest({ sha256, kind = 'sha256' }: { sha256: string; kind?: 'sha256' | 'commit' }): ReactElement {
  return <code className="digest" title={`${kind} ${sha256}`}>{sha256.slice(0, 12)}<Copy text={sha256} label="Copy the digest" small /></code>;
}

/** Puts text on the clipboard and says so. */
export function Copy({ text, label = 'Copy', small }: { text: string; label?: string; small?: true }): ReactElement {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <button type="button" className={small ? 'copy small' : 'copy'} title={label} aria-label={label}
      onClick={() => { void navigator.clipboard?.writeText(text).then(() => setDone(true), () => undefined); }}>
      {done ? <span aria-hidden="true">✓</span> : <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.5"><rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 3V2.5h-8v8H3" /></svg>}{small ? null : done ? ' Copied' : ' Copy'}
    </button>
  );
}

/** Lines to paste. */
export function Paste({ text, label }: { text: string; label: string }): ReactElement {
  return (
    <div className="paste">
      <pre tabIndex={0} aria-label={label}><code>{text}</code></pre>
      <Copy text={text} label={`Copy: ${label}`} small />
    </div>
  );
}

/** What was refused or went wrong, with the next step. */
export function Refusal({ refused }: { refused: Refused | null }): ReactElement | null {
  if (!refused) return null;
  return (
    <div className="refusal" role="alert">
      <p><strong>{refused.message}</strong></p>
      {refused.next ? <p>{refused.next}</p> : null}
      <p className="quiet"><code>{refused.code}</code></p>
    </div>
  );
}

const actors: Readonly<Record<string, string>> = { project: 'The project must act.', farm: 'The farm must act.', world: 'Somebody else must act.' };

/** A failure: cause, first error, who must act, next step. */
export function Cause({ failure }: { failure: Failure }): ReactElement {
  const { evidence } = failure;
  return (
    <div className="cause">
      <p><strong>{failure.message}</strong></p>
      {evidence ? <figure><figcaption>{evidence.file ? `First error, ${evidence.file}${evidence.line ? `:${evidence.line}` : ''}` : 'First error'}</figcaption>
        <pre tabIndex={0}><code>{evidence.text}</code></pre></figure> : null}
      <p>{actors[failure.blame] ?? failure.blame} <strong>Next:</strong> {failure.next}</p>
      <p className="quiet">Step {failure.step}, <code>{failure.code}</code></p>
    </div>
  );
}

/** Says that something is being read, in the place that it will take. */
export function Waiting({ rows = 6 }: { rows?: number }): ReactElement {
  return <div className="waiting" role="status" aria-label="Reading">{Array.from({ length: rows }, (_, at) => <span key={at} />)}</div>;
}

/** A part of a page under a heading. */
export function Section({ title, beside, children }: { title: string; beside?: ReactNode; children: ReactNode }): ReactElement {
  return (
    <section>
      <header className="section"><h2>{title}</h2>{beside}</header>
      {children}
    </section>
  );
}

/** A table that scrolls by itself where it is too wide. */
export function Table({ label, heads, children }: { label: string; heads: readonly string[]; children: ReactNode }): ReactElement {
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead><tr>{heads.map((head) => (head === '' ? <td key="" /> : <th key={head} scope="col">{head}</th>))}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
