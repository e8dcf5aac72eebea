/** Changing headers of METADATA and WHEEL and leaving every other byte: order, folding, line ends, unknown fields, body. */
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/**
 * A header as it lies in the file: `raw` with its line ends and folded lines.
 * @shape key: the name in lower case; value as installers read it
 */
export type HeaderBlock = { readonly name: string; readonly key: string; readonly value: string; readonly raw: string };

/** A file of headers in pieces; joined in this order they are the file again. */
export type HeaderText = {
  readonly mark: string;
  readonly blocks: readonly HeaderBlock[];
  /** The empty line and the body; empty where there is none. */
  readonly rest: string;
  readonly lineEnd: '\n' | '\r\n';
};

/** Why a text cannot be changed without the risk of damage. @shape line from 1 */
export type TextFault = { readonly code: 'FARM_EDIT_TEXT'; readonly line: number; readonly why: string };

/**
 * New values of a field. @shape kept: one for each present header of the name, in order: the same value leaves it as it
 * is, another replaces it, null removes it. added: go behind the last one, else behind all headers
 */
export type FieldChange = {
  readonly field: string;
  readonly kept: readonly (string | null)[];
  readonly added: readonly string[];
};

/** Takes a text apart. @errors FARM_EDIT_TEXT: bare carriage returns, control characters, lines that are no header */
export function readHeaders(text: string): Result<HeaderText, TextFault> {
  const wrong = (line: number, why: string) => err<TextFault>({ code: 'FARM_EDIT_TEXT', line, why });
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const blocks: { name: string; key: string; value: string; raw: string }[] = [];
  let start = mark.length;
  for (let number = 1; start < text.length; number += 1) {
    const end = text.indexOf('\n', start) + 1 || text.length;
    const raw = text.slice(start, end);
    const line = raw.replace(/\r?\n$/, '');
    if (line === '') break;
    start = end;
    if (holdsControl(line)) return wrong(number, 'a carriage return or control character in a header');
    const last = blocks.at(-1);
    if (/^[ \t]/.test(line)) {
      if (last === undefined) return wrong(number, 'a continuation line before the first header');
      last.raw += raw;
      last.value += `\n${line}`;
      continue;
    }
    const header = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (header === null) return wrong(number, `no header: ${line.slice(0, 80)}`);
    const name = header[1] ?? '';
    blocks.push({ name, key: name.toLowerCase(), value: header[2] ?? '', raw });
  }
  const windows = blocks.some(({ raw }) => raw.endsWith('\r\n'));
  return ok({ mark, blocks, rest: text.slice(start), lineEnd: windows ? '\r\n' : '\n' });
}

/** The text of the pieces. */
export function joinHeaders({ mark, blocks, rest }: HeaderText): string {
  return mark + blocks.map(({ raw }) => raw).join('') + rest;
}

/** Values of a field, whatever the case of its name. */
export function headerValues({ blocks }: HeaderText, field: string): string[] {
  const wanted = field.toLowerCase();
  return blocks.filter(({ key }) => key === wanted).map(({ value }) => value);
}

/** The pieces after a change; headers that it does not name keep their bytes. */
export function changeHeaders(text: HeaderText, change: FieldChange): HeaderText {
  const fresh = (name: string, value: string): HeaderBlock =>
    ({ name, key: name.toLowerCase(), value, raw: `${name}: ${value.replaceAll('\n', text.lineEnd)}${text.lineEnd}` });
  const blocks: HeaderBlock[] = [];
  const wanted = change.field.toLowerCase();
  let [seen, insertAt] = [0, -1];
  for (const block of text.blocks) {
    if (block.key !== wanted) {
      blocks.push(block);
      continue;
    }
    const value = change.kept[seen] ?? null;
    seen += 1;
    if (value !== null) blocks.push(value === block.value ? block : fresh(block.name, value));
    insertAt = blocks.length;
  }
  const added = change.added.map((value) => fresh(change.field, value));
  const joined = blocks.toSpliced(insertAt === -1 ? blocks.length : insertAt, 0, ...added);
  return { ...text, blocks: joined.map((block) => ended(block, text.lineEnd)) };
}

/** A file may end without a line end; a header that another follows may not. */
function ended(block: HeaderBlock, lineEnd: string): HeaderBlock {
  return block.raw.endsWith('\n') ? block : { ...block, raw: block.raw + lineEnd };
}

/** The pieces with another body. @shape body: line feeds only; null removes it */
export function changeBody(text: HeaderText, body: string | null): HeaderText {
  if (body === null) return { ...text, rest: '' };
  const lines = (body.endsWith('\n') ? body : `${body}\n`).replaceAll('\n', text.lineEnd);
  return { ...text, blocks: text.blocks.map((block) => ended(block, text.lineEnd)), rest: text.lineEnd + lines };
}

/** The body as text, or null. */
export function bodyOf({ rest }: HeaderText): string | null {
  const body = rest.replace(/^\r?\n/, '');
  return body === '' ? null : body;
}

/**
 * A text in which a field has one value, or none.
 * @errors TypeError where the text cannot be taken apart; use `readHeaders` where that is expected
 */
export function withHeader(text: string, field: string, value: string | null): string {
  const read = readHeaders(text);
  if (!read.ok) throw new TypeError(`line ${read.error.line}: ${read.error.why}`);
  const [first, ...others] = headerValues(read.value, field);
  const kept = first === undefined ? [] : [value, ...others.map(() => null)];
  return joinHeaders(changeHeaders(read.value, { field, kept, added: first === undefined && value !== null ? [value] : [] }));
}

/** Field names do not differ by case. */
export function sameField(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** Whether a text holds a control character other than a tab. */
export function holdsControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 9) || code === 0x7f) return true;
  }
  return false;
}
