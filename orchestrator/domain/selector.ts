/** Patterns over target ids, as cibuildwheel has them: `fnmatch` with the braces of a shell. */

const expandedMax = 10_000;
const rangeMax = 1_000;

/** Whether one of the patterns, parted by blanks, matches the whole id. @source cibuildwheel `selector_matches` */
export function selects(patterns: string, id: string): boolean {
  return patterns.split(/\s+/).filter(Boolean).some((pattern) => expandBraces(pattern).some((one) => fnmatch(one, id)));
}

/** `a{b,c{1..3}}` in all its readings; braces without a comma or a range stand for themselves. */
export function expandBraces(pattern: string): readonly string[] {
  for (let open = pattern.indexOf('{'); open >= 0; open = pattern.indexOf('{', open + 1)) {
    const close = closingBrace(pattern, open);
    if (close < 0) continue;
    const inside = choices(pattern.slice(open + 1, close));
    if (inside === null) continue;
    const [head, tail] = [pattern.slice(0, open), expandBraces(pattern.slice(close + 1))];
    const found = inside.flatMap((choice) => tail.map((end) => head + choice + end));
    return found.slice(0, expandedMax);
  }
  return [pattern];
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

/** What stands between two braces; null where that is no choice. */
function choices(inside: string): readonly string[] | null {
  const range = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/.exec(inside);
  if (range) return numbers(range[1] ?? '', range[2] ?? '', Math.abs(Number(range[3] ?? 1)) || 1);
  const letters = /^([a-zA-Z])\.\.([a-zA-Z])$/.exec(inside);
  if (letters) {
    const [from, to] = [letters[1]?.charCodeAt(0) ?? 0, letters[2]?.charCodeAt(0) ?? 0];
    return steps(from, to, 1).map((code) => String.fromCharCode(code));
  }
  const parts: string[] = [''];
  let depth = 0;
  for (const character of inside) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.length < 2 ? null : parts.flatMap(expandBraces).slice(0, expandedMax);
}

function numbers(from: string, to: string, step: number): readonly string[] {
  const padded = /^-?0\d/.test(from) || /^-?0\d/.test(to);
  const width = padded ? Math.max(from.length, to.length) : 0;
  return steps(Number(from), Number(to), step).map((value) => String(value).padStart(width, '0'));
}

function steps(from: number, to: number, step: number): number[] {
  const count = Math.min(Math.floor(Math.abs(to - from) / step) + 1, rangeMax);
  return Array.from({ length: count }, (_, at) => from + Math.sign(to - from) * at * step);
}

type Sign = 'any text' | ((character: string) => boolean);

/**
 * `*` any text, `?` one character, `[ab]` one of them, `[!ab]` none of them. Patterns come from strangers: the time is
 * at most the product of both lengths.
 * @source Python's `fnmatch`
 */
export function fnmatch(pattern: string, text: string): boolean {
  const signs = signsOf(pattern);
  let [at, sign, star, from] = [0, 0, -1, 0];
  while (at < text.length) {
    const now = signs[sign];
    if (now === 'any text') [star, from, sign] = [sign, at, sign + 1];
    else if (now?.(text[at] ?? '')) [at, sign] = [at + 1, sign + 1];
    else if (star >= 0) [from, at, sign] = [from + 1, from + 1, star + 1];
    else return false;
  }
  return signs.slice(sign).every((one) => one === 'any text');
}

function signsOf(pattern: string): readonly Sign[] {
  const signs: Sign[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? '';
    const set = character === '[' ? /^\[(!?)(\]?[^\]]*)\]/.exec(pattern.slice(at)) : null;
    if (set && set[2] !== '') {
      const [whole, not, members = ''] = set;
      signs.push((one) => isMember(members, one) === (not === ''));
      at += whole.length - 1;
    } else if (character === '*') signs.push('any text');
    else signs.push(character === '?' ? () => true : (one) => one === character);
  }
  return signs;
}

/** Whether `a-cx` holds a character. */
function isMember(members: string, one: string): boolean {
  for (let at = 0; at < members.length; at += 1) {
    const [first = '', dash, last] = members.slice(at, at + 3);
    if (dash === '-' && last !== undefined) {
      if (one >= first && one <= last) return true;
      at += 2;
    } else if (one === first) return true;
  }
  return false;
}
