/** Where a value stands in the text of a TOML or JSON file, so that an error can name line and column. Pure. */

/** Both from 1. */
export interface Place { readonly line: number; readonly column: number }

/** The place of the longest part of a path that the text names; null where it names none of it. */
export function locateToml(text: string, path: readonly string[]): Place | null {
  let table: readonly string[] = [];
  const lists = new Map<string, number>();
  let quotes = '';
  let best: { readonly place: Place; readonly length: number } | null = null;
  const note = (found: readonly string[], place: Place): void => {
    const same = found.length <= path.length && found.every((part, at) => part === path[at]);
    if (same && found.length > (best?.length ?? 0)) best = { place, length: found.length };
  };
  for (const [index, line] of text.split('\n').entries()) {
    if (quotes !== '') {
      if (line.includes(quotes)) quotes = '';
      continue;
    }
    const place = { line: index + 1, column: line.search(/\S/) + 1 };
    const header = /^\s*(\[\[?)([^\]]+)\]/.exec(line);
    if (header) {
      const names = keysOf(header[2] ?? '');
      if (header[1] === '[[') lists.set(names.join('\0'), (lists.get(names.join('\0')) ?? -1) + 1);
      table = indexed(names, lists);
      note(table, place);
    }
    const key = header ? null : /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(line);
    if (key) note([...table, ...keysOf(key[1] ?? '')], place);
    quotes = ['"""', "'''"].find((mark) => line.split(mark).length % 2 === 0) ?? '';
  }
  return (best as { readonly place: Place } | null)?.place ?? null;
}

const keysOf = (text: string): string[] =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');

/** `[[a]]` for the second time is `a`, `1`. */
function indexed(names: readonly string[], lists: ReadonlyMap<string, number>): string[] {
  return names.flatMap((name, at) => {
    const index = lists.get(names.slice(0, at + 1).join('\0'));
    return index === undefined ? [name] : [name, String(index)];
  });
}

/** The place of a path in JSON that parses. */
export function locateJson(text: string, path: readonly string[]): Place | null {
  let at = 0;
  let found: number | null = null;
  const skip = (): void => { while (/\s/.test(text[at] ?? '')) at += 1; };
  const string = (): string => {
    const start = at;
    at += 1;
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(start, at)) as string;
  };
  const value = (depth: number): void => {
    skip();
    const [open] = text.slice(at);
    if (open === '"') string();
    else if (open === '{' || open === '[') members(depth, open === '{' ? '}' : ']');
    else while (at < text.length && !/[\s,\]}]/.test(text[at] ?? '')) at += 1;
  };
  const members = (depth: number, close: string): void => {
    at += 1;
    for (let index = 0; ; index += 1) {
      skip();
      if (text[at] === ',') { at += 1; skip(); }
      if (text[at] === close || at >= text.length) break;
      const start = at;
      const name = close === '}' ? string() : String(index);
      skip();
      if (text[at] === ':') at += 1;
      const onPath = depth >= 0 && name === path[depth];
      if (onPath) found = start;
      value(onPath ? depth + 1 : -1);
    }
    at += 1;
  };
  value(0);
  return found === null ? null : placeAt(text, found);
}

/** The place of a character. */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
