import { normalizeName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { parseSpecifiers, parseVersion, satisfies } from './version.ts';

/** One side of a comparison: a variable of the environment or a quoted text. */
export type Operand = { readonly variable: string } | { readonly text: string };

/** A parsed environment marker. */
export type Marker =
  | { readonly kind: 'and' | 'or'; readonly left: Marker; readonly right: Marker }
  | { readonly kind: 'compare'; readonly left: Operand; readonly operator: string; readonly right: Operand };

/** Values of the variables: what `packaging.markers.default_environment` prints, and `extra` where one is asked for. */
export type MarkerEnvironment = Readonly<Record<string, string>>;

/** @errors FARM_BAD_MARKER with the reason in words */
export type MarkerError = { code: 'FARM_BAD_MARKER'; why: string };

const variables = new Set([
  'os_name', 'sys_platform', 'platform_machine', 'platform_python_implementation', 'platform_release',
  'platform_system', 'platform_version', 'python_version', 'python_full_version', 'implementation_name', 'implementation_version', 'extra',
  'extras', 'dependency_groups',
]);
const versionVariables = new Set([
  'python_version', 'python_full_version', 'implementation_version', 'platform_release',
]);
const oldNames: Readonly<Record<string, string>> = {
  'os.name': 'os_name', 'sys.platform': 'sys_platform', 'platform.version': 'platform_version',
  'platform.machine': 'platform_machine', 'platform.python_implementation': 'platform_python_implementation',
  python_implementation: 'platform_python_implementation',
};
const tokenPattern = /\s*(?:(\(|\))|(~=|===|==|!=|<=|>=|<|>)|"([^"]*)"|'([^']*)'|([A-Za-z_][\w.]*))/y;
const depthMax = 64;

type Token = { readonly kind: 'bracket' | 'operator' | 'text' | 'word'; readonly value: string };

/** Parses a marker. @errors FARM_BAD_MARKER @source PEP 508, dependency specifiers */
export function parseMarker(text: string): Result<Marker, MarkerError> {
  const tokens = tokenize(text);
  if (tokens === null) return err({ code: 'FARM_BAD_MARKER', why: `cannot read ${text.trim()}` });
  const reader = { tokens, at: 0 };
  const marker = readOr(reader, 0);
  if (marker === null || reader.at !== tokens.length) {
    return err({ code: 'FARM_BAD_MARKER', why: `cannot read ${text.trim()}` });
  }
  return ok(marker);
}

function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  const source = text.trimEnd();
  for (let at = 0; at < source.length; at = tokenPattern.lastIndex) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(source);
    if (match === null) return null;
    const [, bracket, operator, double, single, word] = match;
    if (bracket !== undefined) tokens.push({ kind: 'bracket', value: bracket });
    else if (operator !== undefined) tokens.push({ kind: 'operator', value: operator });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else tokens.push({ kind: 'text', value: double ?? single ?? '' });
  }
  return tokens;
}

type Reader = { readonly tokens: readonly Token[]; at: number };

function takeWord(reader: Reader, value: string): boolean {
  const token = reader.tokens[reader.at];
  const found = (token?.kind === 'word' || token?.kind === 'bracket') && token.value === value;
  if (found) reader.at += 1;
  return found;
}

function readOr(reader: Reader, depth: number): Marker | null {
  let left = readAnd(reader, depth);
  while (left !== null && takeWord(reader, 'or')) {
    const right = readAnd(reader, depth);
    left = right === null ? null : { kind: 'or', left, right };
  }
  return left;
}

function readAnd(reader: Reader, depth: number): Marker | null {
  let left = readOne(reader, depth);
  while (left !== null && takeWord(reader, 'and')) {
    const right = readOne(reader, depth);
    left = right === null ? null : { kind: 'and', left, right };
  }
  return left;
}

function readOne(reader: Reader, depth: number): Marker | null {
  if (depth > depthMax) return null;
  if (takeWord(reader, '(')) {
    const inner = readOr(reader, depth + 1);
    return takeWord(reader, ')') ? inner : null;
  }
  const left = readOperand(reader);
  const operator = readOperator(reader);
  const right = readOperand(reader);
  if (left === null || operator === null || right === null || ('text' in left && 'text' in right)) return null;
  return { kind: 'compare', left, operator, right };
}

function readOperand(reader: Reader): Operand | null {
  const token = reader.tokens[reader.at];
  if (token === undefined) return null;
  const variable = oldNames[token.value] ?? token.value;
  const known = token.kind === 'text' || (token.kind === 'word' && variables.has(variable));
  if (!known) return null;
  reader.at += 1;
  return token.kind === 'text' ? { text: token.value } : { variable };
}

function readOperator(reader: Reader): string | null {
  const token = reader.tokens[reader.at];
  if (token?.kind === 'operator') {
    reader.at += 1;
    return token.value;
  }
  if (takeWord(reader, 'in')) return 'in';
  return takeWord(reader, 'not') && takeWord(reader, 'in') ? 'not in' : null;
}

/**
 * Whether a marker holds. A variable that the environment does not have is the empty text, as for `extra`.
 * Version variables compare as versions where the other side is one; other texts have no order, as in installers.
 */
export function evaluateMarker(marker: Marker, environment: MarkerEnvironment): boolean {
  if (marker.kind !== 'compare') {
    const left = evaluateMarker(marker.left, environment);
    return left === (marker.kind === 'and') ? evaluateMarker(marker.right, environment) : left;
  }
  const [variable = ''] = [marker.left, marker.right].flatMap((side) => ('variable' in side ? side.variable : []));
  const isExtra = variable === 'extra' || variable === 'extras' || variable === 'dependency_groups';
  const value = (operand: Operand) => {
    const text = 'text' in operand ? operand.text : (environment[operand.variable] ?? '');
    return isExtra ? normalizeName(text) : text;
  };
  return compare(value(marker.left), marker.operator, value(marker.right), versionVariables.has(variable));
}

function compare(left: string, operator: string, right: string, asVersion: boolean): boolean {
  if (operator === 'in') return right.includes(left);
  if (operator === 'not in') return !right.includes(left);
  if (asVersion) {
    const specifiers = parseSpecifiers(operator + right);
    const version = parseVersion(left);
    if (specifiers.ok) return version.ok && satisfies(version.value, specifiers.value);
  }
  switch (operator) {
    case '==': case '===': case '<=': case '>=': return left === right;
    case '!=': return left !== right;
    default: return false;
  }
}

const mirrored: Readonly<Record<string, string>> = {
  '<': '>', '>': '<', '<=': '>=', '>=': '<=', '==': '==', '!=': '!=',
};

/** Normal form: variables left where the operator can be turned, double quotes, operands of `and` and `or` sorted. */
export function printMarker(marker: Marker): string {
  if (marker.kind !== 'compare') {
    const operands = operandsOf(marker, marker.kind).map((one) =>
      marker.kind === 'and' && one.kind === 'or' ? `(${printMarker(one)})` : printMarker(one));
    return [...new Set(operands)].toSorted().join(` ${marker.kind} `);
  }
  const turned = mirrored[marker.operator];
  const turn = 'text' in marker.left && turned !== undefined && !marker.left.text.endsWith('.*');
  const [left, right] = turn ? [marker.right, marker.left] : [marker.left, marker.right];
  const isExtra = [left, right].some((side) => 'variable' in side && side.variable === 'extra');
  const print = (side: Operand) => {
    if ('variable' in side) return side.variable;
    const text = isExtra ? normalizeName(side.text) : side.text;
    return text.includes('"') ? `'${text}'` : `"${text}"`;
  };
  return `${print(left)} ${turn ? turned : marker.operator} ${print(right)}`;
}

function operandsOf(marker: Marker, kind: 'and' | 'or'): Marker[] {
  return marker.kind === kind ? [...operandsOf(marker.left, kind), ...operandsOf(marker.right, kind)] : [marker];
}
