/**
 * Values of [tool.cibuildwheel] as cibuildwheel holds them: each option is one text, made from TOML by the option's
 * format, and joined with what stands below it where `inherit` says so.
 * @source cibuildwheel 4.3, `OptionsReader.get`
 */
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { quoteWord, splitWords } from './shell-words.ts';

export type Table = Readonly<Record<string, unknown>>;
export type Rule = 'none' | 'append' | 'prepend';
/** @errors in words, without the option's name */
export type ValueError = { readonly why: string };

export const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** How an option is written in TOML beside a plain text. */
export interface Format {
  readonly list?: (items: readonly string[]) => string;
  readonly table?: (table: Table) => Result<string, ValueError>;
  readonly merge?: (before: string, after: string) => Result<string, ValueError>;
}

/** As Python prints it: `True`. */
const leafText = (value: unknown): string =>
  (typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value as string | number | bigint));
const isLeaf = (value: unknown): boolean => ['string', 'number', 'bigint', 'boolean'].includes(typeof value);

/** Items joined by `separator`. */
export function listFormat(separator: string, quote: (word: string) => string = (word) => word): Format {
  return {
    list: (items) => items.map(quote).join(separator),
    merge: (before, after) => ok([before, after].filter((one) => one !== '').join(separator)),
  };
}

/** A table of environment variables; values may name others and run commands. */
export const environmentFormat: Format = {
  table: (table) => ok(Object.entries(table).map(([name, value]) => `${name}="${plain(value)}"`).join(' ')),
  merge: (before, after) => ok([before, after].filter((one) => one !== '').join(' ')),
};

const plain = (value: unknown): string => (isLeaf(value) ? leafText(value) : JSON.stringify(value));

/** A table as `key=value` words; a list gives the key several times. Merged key by key. */
export const settingsFormat: Format = {
  table: (table) => writePairs(table),
  merge: (before, after) => {
    const [old, fresh] = [readPairs(before), readPairs(after)];
    if (!old.ok) return old;
    return fresh.ok ? writePairs({ ...old.value, ...fresh.value }) : fresh;
  },
};

/** `name: value; …` tables that only cibuildwheel itself uses: read as a table, never merged. */
export const ownTableFormat: Format = { list: (items) => items.join(' '), table: (table) => ok(JSON.stringify(table)) };

function writePairs(table: Table): Result<string, ValueError> {
  const words: string[] = [];
  for (const [key, value] of Object.entries(table)) {
    const split = splitWords(key);
    if (!split.ok || split.value.length !== 1 || split.value[0] !== key) return err({ why: `its key ${key} has a blank or a quote` });
    for (const one of Array.isArray(value) ? value as unknown[] : [value]) {
      if (!isLeaf(one)) return err({ why: `${key} holds neither a text nor a list of texts` });
      words.push(`${key}=${quoteWord(leafText(one))}`);
    }
  }
  return ok(words.join(' '));
}

/**
 * `a=1 b='x y' a=2` as a table; a key that stands several times has a list. A word without `=` has an empty value.
 * @source PEP 517 config settings as `python -m build` reads them
 */
export function readPairs(text: string): Result<Readonly<Record<string, string | readonly string[]>>, ValueError> {
  const words = splitWords(text);
  if (!words.ok) return words;
  const found = new Map<string, string | string[]>();
  for (const word of words.value) {
    const equals = word.indexOf('=');
    const [key, value] = equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
    const before = found.get(key);
    found.set(key, before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]);
  }
  return ok(Object.fromEntries(found));
}

/** The text of a TOML value. @errors a list or table where the option takes none; dates, lists of lists */
export function textOf(value: unknown, format: Format): Result<string, ValueError> {
  if (isLeaf(value)) return ok(leafText(value));
  if (Array.isArray(value)) {
    if (!format.list) return err({ why: 'it takes no list' });
    return value.every(isLeaf) ? ok(format.list(value.map(leafText))) : err({ why: 'its list holds something else than texts' });
  }
  if (isTable(value)) return format.table?.(value) ?? err({ why: 'it takes no table' });
  return err({ why: 'it is neither a text, a list nor a table' });
}

/** One place where an option may stand; `value` undefined where it does not. */
export interface Level { readonly value: unknown; readonly rule: Rule }

/** The option's text after all levels, lowest first. `skipEmpty` passes over empty values. */
export function cascade(levels: readonly Level[], format: Format, skipEmpty = false): Result<string, ValueError> {
  let found = '';
  for (const { value, rule } of levels) {
    if (value === undefined || (skipEmpty && isEmpty(value))) continue;
    const text = textOf(value, format);
    if (!text.ok) return text;
    if (rule !== 'none' && !format.merge) return err({ why: 'it does not support inheritance' });
    const merged = rule === 'none' || !format.merge ? text
      : rule === 'append' ? mergeTexts(format.merge, found, text.value) : mergeTexts(format.merge, text.value, found);
    if (!merged.ok) return merged;
    found = merged.value;
  }
  return ok(found);
}

function mergeTexts(merge: NonNullable<Format['merge']>, before: string, after: string): Result<string, ValueError> {
  if (before === '') return ok(after);
  return after === '' ? ok(before) : merge(before, after);
}

const isEmpty = (value: unknown): boolean =>
  value === '' || value === 0 || (Array.isArray(value) && value.length === 0) || (isTable(value) && Object.keys(value).length === 0);

/** `inherit` of a table: `{before-all = "append"}` or `"before-all; test-requires: prepend"`. @errors an unknown rule */
export function readInherit(value: unknown): Result<ReadonlyMap<string, Rule>, ValueError> {
  if (value === undefined) return ok(new Map());
  const entries = typeof value === 'string' ? inheritWords(value) : isTable(value) ? Object.entries(value) : null;
  const wrong = entries?.find(([, rule]) => !['none', 'append', 'prepend'].includes(rule as string));
  if (entries === null || wrong) return err({ why: `its rules are none, append or prepend, not ${JSON.stringify(wrong?.[1] ?? value)}` });
  return ok(new Map(entries as [string, Rule][]));
}

function inheritWords(text: string): [string, string][] {
  return text.split(';').map((field) => field.trim()).filter(Boolean).flatMap((field): [string, string][] => {
    const colon = field.indexOf(':');
    if (colon >= 0) return [[field.slice(0, colon).trim(), field.slice(colon + 1).trim()]];
    return field.split(/\s+/).map((name): [string, string] => [name, 'append']);
  });
}
