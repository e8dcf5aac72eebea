/**
 * The part of the shell's language that [tool.cibuildwheel] needs: words, quotes, `$NAME`, `$(command)`.
 * What differs between bash and cibuildwheel's reader (bashlex) is read as cibuildwheel does.
 */
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** A piece of a value. `command` is run by a shell in the sealed container, without the newlines at its end. */
export type ShellPart = { readonly text: string } | { readonly variable: string } | { readonly command: string };

/** `NAME=value`, its value in pieces that are put together in the environment where it is used. */
export interface Assignment {
  readonly name: string;
  readonly parts: readonly ShellPart[];
}

/** @errors a construct that no value may have, in words */
export type ShellError = { readonly why: string };

interface Reader { readonly text: string; at: number }

/**
 * Reads `A=1 B="$A x"`: one line of assignments, as cibuildwheel does (lines after the first are not looked at).
 * @errors an operator such as `;` or `|`, a word without `=`, an open quote, `~`, `$((…))`
 */
export function parseAssignments(text: string): Result<readonly Assignment[], ShellError> {
  const reader: Reader = { text: text.replace(/^\s+/, ''), at: 0 };
  const found: Assignment[] = [];
  for (;;) {
    while (/[ \t]/.test(reader.text[reader.at] ?? '')) reader.at += 1;
    const next = reader.text[reader.at];
    if (next === undefined || next === '\n' || next === '#') return ok(found);
    const start = reader.at;
    const word = readWord(reader);
    if (!word.ok) return word;
    const raw = reader.text.slice(start, reader.at);
    const equals = raw.indexOf('=');
    if (equals < 1) return err({ why: `${raw.slice(0, 80)} is no assignment NAME=value` });
    const value = readWord({ text: raw.slice(equals + 1), at: 0 });
    if (!value.ok) return value;
    if (/^(~|#|[A-Za-z_]\w*=)/.test(raw.slice(equals + 1))) {
      return err({ why: `the value of ${raw.slice(0, 80)} must stand in quotes` });
    }
    found.push({ name: raw.slice(0, equals), parts: joined(value.value) });
  }
}

/** Reads up to the next blank outside quotes. */
function readWord(reader: Reader): Result<ShellPart[], ShellError> {
  const parts: ShellPart[] = [];
  for (;;) {
    const character = reader.text[reader.at];
    if (character === undefined || /\s/.test(character)) return ok(parts);
    if (/[;|&<>()]/.test(character)) return err({ why: `${character} outside quotes` });
    const read = character === "'" ? readSingle(reader)
      : character === '"' ? readDouble(reader)
        : character === '\\' ? readEscape(reader)
          : character === '$' || character === '`' ? readDollar(reader) : readPlain(reader);
    if (!read.ok) return read;
    parts.push(...read.value);
  }
}

function readPlain(reader: Reader): Result<ShellPart[], ShellError> {
  const text = /^[^\s;|&<>()'"\\$`]+/.exec(reader.text.slice(reader.at))?.[0] ?? '';
  reader.at += text.length;
  return ok([{ text }]);
}

function readSingle(reader: Reader): Result<ShellPart[], ShellError> {
  const end = reader.text.indexOf("'", reader.at + 1);
  if (end < 0) return err({ why: "an open '" });
  const text = reader.text.slice(reader.at + 1, end);
  reader.at = end + 1;
  return ok([{ text }]);
}

/** A backslash takes itself away, in double quotes before any character, as bashlex reads it. */
function readEscape(reader: Reader): Result<ShellPart[], ShellError> {
  const text = reader.text[reader.at + 1] ?? '';
  reader.at += 2;
  return ok([{ text: text === '\n' ? '' : text }]);
}

function readDouble(reader: Reader): Result<ShellPart[], ShellError> {
  const parts: ShellPart[] = [];
  reader.at += 1;
  for (;;) {
    const character = reader.text[reader.at];
    if (character === undefined) return err({ why: 'an open "' });
    if (character === '"') {
      reader.at += 1;
      return ok(parts);
    }
    const read = character === '\\' ? readEscape(reader)
      : character === '$' || character === '`' ? readDollar(reader) : readQuoted(reader);
    if (!read.ok) return read;
    parts.push(...read.value);
  }
}

function readQuoted(reader: Reader): Result<ShellPart[], ShellError> {
  const text = /^[^"\\$`]+/.exec(reader.text.slice(reader.at))?.[0] ?? '';
  reader.at += text.length;
  return ok([{ text }]);
}

/** `$NAME`, `${…}` (its whole inside is the name, so `${A:-b}` is empty as with cibuildwheel), `$(…)`, `` `…` ``. */
function readDollar(reader: Reader): Result<ShellPart[], ShellError> {
  const rest = reader.text.slice(reader.at);
  if (rest.startsWith('$((')) return err({ why: 'arithmetic $((…))' });
  if (rest.startsWith('$(') || rest.startsWith('`')) return readCommand(reader, rest);
  const named = /^\$(?:([A-Za-z_]\w*|[0-9@*#?$!-])|\{([^}]*)\})/.exec(rest);
  reader.at += named?.[0].length ?? 1;
  if (named) return ok([{ variable: named[1] ?? named[2] ?? '' }]);
  // $'…' is read as '…'; a lone $ stands for itself.
  return ok(rest.startsWith("$'") ? [] : [{ text: '$' }]);
}

function readCommand(reader: Reader, rest: string): Result<ShellPart[], ShellError> {
  const open = rest.startsWith('`') ? 1 : 2;
  const end = open === 1 ? rest.indexOf('`', 1) : closingBracket(rest);
  if (end < 0) return err({ why: `an open ${rest.slice(0, open)}` });
  reader.at += end + 1;
  return ok([{ command: rest.slice(open, end) }]);
}

/** Place of the bracket that ends `$(`, quotes and inner brackets passed over; -1 where there is none. */
function closingBracket(text: string): number {
  let depth = 0;
  let quote = '';
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\' && quote !== "'") at += 1;
    else if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth += 1;
    else if (character === ')' && --depth === 0) return at;
  }
  return -1;
}

function joined(parts: readonly ShellPart[]): ShellPart[] {
  const found: ShellPart[] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if ('text' in part && part.text === '') continue;
    if ('text' in part && last && 'text' in last) found[found.length - 1] = { text: last.text + part.text };
    else found.push(part);
  }
  return found;
}

/** The commands that values run, in their order: what an environment without a shell cannot give. */
export const commandsIn = (assignments: readonly Assignment[]): readonly string[] =>
  assignments.flatMap(({ parts }) => parts.flatMap((part) => ('command' in part ? [part.command] : [])));

/**
 * Puts the values together, each in the environment that the ones before it left.
 * @shape run answers what a command prints
 */
export function evaluateAssignments(
  assignments: readonly Assignment[], before: Readonly<Record<string, string>>, run: (command: string) => string,
): Record<string, string> {
  const environment = { ...before };
  for (const { name, parts } of assignments) {
    environment[name] = parts.map((part) =>
      'text' in part ? part.text : 'variable' in part ? environment[part.variable] ?? '' : run(part.command)).join('');
  }
  return environment;
}

const safeWord = /^[\w@%+=:,./-]+$/;

/** Quotes a word for a shell, as Python's `shlex.quote`. */
export const quoteWord = (word: string): string =>
  (safeWord.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

/** Splits into words as Python's `shlex.split`. @errors an open quote, a backslash at the end */
export function splitWords(text: string): Result<readonly string[], ShellError> {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (/[ \t\r\n]/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (character === '\\') {
      if (at + 1 >= text.length) return err({ why: 'a backslash at the end' });
      word = (word ?? '') + text[++at];
    } else if (character === "'" || character === '"') {
      const read = readQuotes(text, at);
      if (read === null) return err({ why: `an open ${character}` });
      word = (word ?? '') + read.text;
      at = read.end;
    } else word = (word ?? '') + character;
  }
  return ok(word === null ? words : [...words, word]);
}

function readQuotes(text: string, start: number): { readonly text: string; readonly end: number } | null {
  const quote = text[start];
  let found = '';
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === quote) return { text: found, end: at };
    const escapes = quote === '"' && text[at] === '\\' && /["\\]/.test(text[at + 1] ?? '');
    found += text[escapes ? ++at : at];
  }
  return null;
}
