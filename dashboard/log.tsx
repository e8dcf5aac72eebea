import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactElement } from 'react';
import { piecesOf, plain } from './ansi.ts';

const lineHeight = 19;
const spare = 20;
/** A line is shown up to here; the download has it whole. */
const lineLengthMax = 2_000;
const errorPattern = /\b(?:fatal )?error\b|^Traceback \(most recent|^\s*FAILED\b/i;

interface LogProps {
  readonly lines: readonly string[];
  /** Text of the first error as the farm found it. */
  readonly evidence: string | null;
  readonly live: boolean;
  readonly download: string;
  readonly filename: string;
}

/** A log: follows its end, is searched, jumps to its first error. Only the lines that are seen are there. */
export function Log({ lines, evidence, live, download, filename }: LogProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(live);
  const [seen, setSeen] = useState({ from: 0, to: 60 });
  const [text, setText] = useState('');
  const [mark, setMark] = useState(-1);
  const wanted = text.toLowerCase();
  const found = useMemo(() => (wanted === '' ? [] : lines.flatMap((line, at) => (plain(line).toLowerCase().includes(wanted) ? [at] : []))), [lines, wanted]);
  const look = useCallback(() => {
    const { scrollTop = 0, clientHeight = 500 } = box.current ?? {};
    setSeen({ from: Math.max(0, Math.floor(scrollTop / lineHeight) - spare), to: Math.ceil((scrollTop + clientHeight) / lineHeight) + spare });
  }, []);
  const jump = useCallback((at: number) => {
    setFollow(false);
    setMark(at);
    box.current?.scrollTo({ top: Math.max(0, at * lineHeight - 120) });
  }, []);
  const toError = (): void => {
    const first = evidence?.split('\n').find((line) => line.trim() !== '')?.trim() ?? '';
    const at = first === '' ? -1 : lines.findIndex((line) => plain(line).includes(first));
    const any = at >= 0 ? at : lines.findIndex((line) => errorPattern.test(plain(line)));
    if (any >= 0) jump(any);
  };
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
    look();
  }, [lines.length, follow, look]);
  useEffect(() => { if (live) setFollow(true); }, [live]);
  const place = found.indexOf(mark);
  const step = (by: number): void => {
    const next = place < 0 ? found.find((at) => at > mark) ?? found[0] : found.at((place + by) % found.length);
    if (next !== undefined) jump(next);
  };
  return (
    <div className="log">
      <div className="logbar" role="toolbar" aria-label="Log">
        <label><span className="unseen">Search the log</span>
          <input type="search" placeholder="Search" value={text} onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); step(event.shiftKey ? -1 : 1); } }} /></label>
        <span className="number found" role="status">{wanted === '' ? '' : `${found.length === 0 ? 'no' : place < 0 ? found.length : `${place + 1}/${found.length}`} found`}</span>
        <button type="button" onClick={() => step(-1)} disabled={found.length === 0} aria-label="Previous"><span aria-hidden="true">↑</span></button>
        <button type="button" onClick={() => step(1)} disabled={found.length === 0} aria-label="Next"><span aria-hidden="true">↓</span></button>
        <button type="button" onClick={toError}>First error</button>
        <label className="check"><input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} /> Follow</label>
        <a className="button" href={download} download={filename}>Download</a>
      </div>
      <div className="lines" ref={box} tabIndex={0} role="log" aria-label="Log lines" aria-live="off"
        onWheel={(event) => { if (event.deltaY < 0) setFollow(false); }}
        onKeyDown={(event) => { if (['ArrowUp', 'PageUp', 'Home'].includes(event.key)) setFollow(false); }} onScroll={look}>
        <div ref={(inner) => { if (inner) inner.style.height = `${lines.length * lineHeight}px`; }}>
          <ol ref={(list) => { if (list) list.style.transform = `translateY(${seen.from * lineHeight}px)`; }}>
            {lines.slice(seen.from, seen.to).map((line, at) => <LogLine key={seen.from + at} number={seen.from + at + 1} line={line} marked={seen.from + at === mark} />)}
          </ol>
        </div>
      </div>
    </div>
  );
}

function LogLine({ number, line, marked }: { number: number; line: string; marked: boolean }): ReactElement {
  const pieces = useMemo(() => piecesOf(line.slice(0, lineLengthMax)), [line]);
  return (
    <li className={marked ? 'marked' : undefined}><b aria-hidden="true">{number}</b>
      <span>{pieces.map((piece, at) => (piece.look === '' ? piece.text : <i key={at} className={piece.look}>{piece.text}</i>))}</span></li>
  );
}
