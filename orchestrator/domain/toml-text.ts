/**
 * Changing values of a TOML file and leaving every other byte. The places are found by reading the text once; whoever
 * changes it parses the result and compares, so a place that was found wrong is a refusal and never a damaged file.
 */

/** A key with its value. @shape path: of table and key; start to end: its lines; from to until: the value alone */
type Entry = {
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly until: number;
};

/** A table's header, `end` behind its line; `several` of `[[x]]`. */
type Header = { readonly path: readonly string[]; readonly several: boolean; end: number };

type Places = { readonly entries: readonly Entry[]; readonly headers: readonly Header[] };

/** A value as TOML text; null takes the key away. */
export type TomlChange = { readonly path: readonly string[]; readonly value: string | null };

/**
 * The text with these keys set. A key that is not there goes behind the last one of its table; a table that is not
 * there goes to the end of the file.
 * @returns null where a place cannot be found: the text is no TOML, or the key has no table that can hold it
 */
export function changeToml(text: string, changes: readonly TomlChange[]): string | null {
  const places = placesIn(text);
  if (places === null) return null;
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  const splices: { from: number; until: number; text: string }[] = [];
  const tail = new Map<string, string>();
  for (const { path, value } of changes) {
    const [entry, ...twice] = places.entries.filter((one) => samePath(one.path, path));
    if (twice.length > 0) return null;
    if (entry !== undefined) {
      const { start, end, from, until } = entry;
      const fresh = { from, until, text: (value ?? '').replaceAll('\n', lineEnd) };
      splices.push(value === null ? { from: start, until: end, text: '' } : fresh);
      continue;
    }
    if (value === null) return null;
    const table = path.slice(0, -1);
    const line = `${tomlKey(path.at(-1) ?? '')} = ${value}`.replaceAll('\n', lineEnd) + lineEnd;
    const header = places.headers.find((one) => samePath(one.path, table) && !one.several);
    const place = header?.end;
    if (place !== undefined) splices.push({ from: place, until: place, text: lineAt(text, place, lineEnd) + line });
    else tail.set(table.map(tomlKey).join('.'), (tail.get(table.map(tomlKey).join('.')) ?? '') + line);
  }
  const changed = splices.toSorted((left, right) => right.from - left.from)
    .reduce((sofar, { from, until, text: fresh }) => sofar.slice(0, from) + fresh + sofar.slice(until), text);
  const added = [...tail].map(([table, lines]) => `${lineEnd}[${table}]${lineEnd}${lines}`);
  return added.length === 0 ? changed : changed + lineAt(changed, changed.length, lineEnd) + added.join('');
}

/** A line end where the text before a place has none. */
const lineAt = (text: string, at: number, lineEnd: string): string => (at === 0 || text[at - 1] === '\n' ? '' : lineEnd);

/** A key as TOML writes it. */
export const tomlKey = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : tomlText(key));

/** A text as a TOML string. Every escape of JSON is one of TOML, too. */
export const tomlText = (text: string): string => JSON.stringify(text).replaceAll('\u007F', '\\u007F');

/** Texts as an array, one to a line where there are several. */
export const tomlList = (texts: readonly string[]): string =>
  (texts.length < 2 ? `[${texts.map(tomlText).join('')}]` : `[\n${texts.map((one) => `    ${tomlText(one)},\n`).join('')}]`);

const samePath = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((one, at) => one === right[at]);

function placesIn(text: string): Places | null {
  const entries: Entry[] = [];
  const headers: Header[] = [];
  let header: Header = { path: [], several: false, end: 0 };
  headers.push(header);
  for (let at = text.startsWith('\uFEFF') ? 1 : 0; at < text.length;) {
    const start = at;
    at = skip(text, at, /[ \t]*/y);
    if (/[\r\n#]/.test(text[at] ?? '\n')) {
      at = lineEndOf(text, at);
      continue;
    }
    const opening = skip(text, at, /\[{0,2}/y) - at;
    const key = keyAt(text, skip(text, at + opening, /[ \t]*/y));
    if (key === null) return null;
    const behind = skip(text, key.end, /[ \t]*/y);
    if (opening > 0) {
      if (!text.startsWith(']'.repeat(opening), behind)) return null;
      at = lineEndOf(text, behind + opening);
      header = { path: key.path, several: opening === 2, end: at };
      headers.push(header);
      continue;
    }
    if (text[behind] !== '=') return null;
    const from = skip(text, behind + 1, /[ \t]*/y);
    const until = valueEnd(text, from);
    if (until === null) return null;
    at = lineEndOf(text, until);
    // A key below an array of tables has no path of its own.
    if (!header.several) entries.push({ path: [...header.path, ...key.path], start, end: at, from, until });
    header.end = at;
  }
  return { entries, headers };
}

function skip(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  pattern.test(text);
  return Math.max(at, pattern.lastIndex);
}

function lineEndOf(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

/** Reads `a."b c".d`. */
function keyAt(text: string, start: number): { path: string[]; end: number } | null {
  const path: string[] = [];
  for (let at = start; ;) {
    const bare = skip(text, at, /[A-Za-z0-9_-]*/y);
    const end = bare > at ? bare : stringEnd(text, at);
    if (end === null || end === at) return null;
    const word = text.slice(at, end);
    if (word.startsWith('"') && word.includes('\\')) return null;   // an escape in a key: nobody writes it
    path.push(/^["']/.test(word) ? word.slice(1, -1) : word);
    const dot = skip(text, end, /[ \t]*/y);
    if (text[dot] !== '.') return { path, end };
    at = skip(text, dot + 1, /[ \t]*/y);
  }
}

/** Where the string that starts here ends; null where none starts or it does not end. */
function stringEnd(text: string, at: number): number | null {
  const quote = text[at];
  if (quote !== '"' && quote !== "'") return null;
  const long = text.startsWith(quote.repeat(3), at);
  const closing = long ? quote.repeat(3) : quote;
  for (let place = at + closing.length; place < text.length; place += 1) {
    if (quote === '"' && text[place] === '\\') place += 1;
    else if (!long && text[place] === '\n') return null;
    else if (text.startsWith(closing, place)) {
      // Up to two quotes may stand before the closing three.
      let end = place + closing.length;
      for (let more = 0; long && more < 2 && text[end] === quote; more += 1) end += 1;
      return end;
    }
  }
  return null;
}

function valueEnd(text: string, start: number): number | null {
  if (text[start] === '"' || text[start] === "'") return stringEnd(text, start);
  if (text[start] !== '[' && text[start] !== '{') {
    const end = skip(text, start, /[^\r\n#]*/y);
    return end === start ? null : start + text.slice(start, end).trimEnd().length;
  }
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const one = text[at];
    if (one === '"' || one === "'") {
      const end = stringEnd(text, at);
      if (end === null) return null;
      at = end - 1;
    } else if (one === '#') at = lineEndOf(text, at) - 1;
    else if (one === '[' || one === '{') depth += 1;
    else if (one === ']' || one === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}
