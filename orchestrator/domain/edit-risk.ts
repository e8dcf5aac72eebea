/** What a change of dependencies or bounds can do to those who install. */
import { printMarker } from './marker.ts';
import { parseRequirement } from './requirement.ts';
import type { Requirement } from './requirement.ts';
import { compareVersions, parseVersion } from './version.ts';
import type { Specifier, Version } from './version.ts';

/**
 * `loosen`: more is allowed than before; `tighten`: less; `shift`: some more and some less; `text` changes nothing that an
 * installer decides by.
 */
export type Risk = 'add-dependency' | 'remove-dependency' | 'loosen' | 'tighten' | 'shift' | 'extra' | 'licence' | 'text';

type Bound = { readonly version: Version; readonly open: boolean } | null;
type Interval = { readonly lower: Bound; readonly upper: Bound; readonly without: ReadonlySet<string> };

/** Compares what two lists of clauses admit. What is neither more nor less for sure is a `shift`. */
export function compareBounds(
  before: readonly Specifier[], after: readonly Specifier[],
): 'same' | 'loosen' | 'tighten' | 'shift' {
  const [old, fresh] = [clausesOf(before), clausesOf(after)];
  const [keepsAll, addsNone] = [[...old].every((one) => fresh.has(one)), [...fresh].every((one) => old.has(one))];
  if (keepsAll && addsNone) return 'same';
  if (keepsAll) return 'tighten';
  if (addsNone) return 'loosen';
  const [left, right] = [intervalOf(before), intervalOf(after)];
  if (left === null || right === null) return 'shift';
  const [inside, outside] = [holds(left, right), holds(right, left)];
  return inside && outside ? 'same' : inside ? 'tighten' : outside ? 'loosen' : 'shift';
}

const clausesOf = (list: readonly Specifier[]): Set<string> => new Set(list.map(({ operator, raw }) => operator + raw));

/** The range that clauses span; null where one of them is no range. */
function intervalOf(clauses: readonly Specifier[]): Interval | null {
  let [lower, upper]: [Bound, Bound] = [null, null];
  const without = new Set<string>();
  for (const { operator, version, prefix, raw } of clauses) {
    if (version === null || (prefix && operator === '==')) return null;
    if (operator === '!=') without.add(raw);
    if (['>=', '>', '~=', '=='].includes(operator)) lower = higher(lower, { version, open: operator === '>' });
    if (['<=', '<', '=='].includes(operator)) upper = lesser(upper, { version, open: operator === '<' });
    if (operator === '~=') upper = lesser(upper, { version: afterPrefix(version), open: true });
  }
  return { lower, upper, without };
}

function higher(left: Bound, right: NonNullable<Bound>): Bound {
  if (left === null) return right;
  const order = compareVersions(left.version, right.version);
  return order > 0 || (order === 0 && left.open && !right.open) ? left : right;
}

function lesser(left: Bound, right: NonNullable<Bound>): Bound {
  if (left === null) return right;
  const order = compareVersions(left.version, right.version);
  return order < 0 || (order === 0 && left.open && !right.open) ? left : right;
}

function afterPrefix(version: Version): Version {
  const release = version.release.slice(0, -1);
  const last = release.pop() ?? 0;
  const next = parseVersion(`${version.epoch}!${[...release, last + 1].join('.')}`);
  return next.ok ? next.value : version;
}

/** Whether `inner` lies in `outer`. */
function holds(outer: Interval, inner: Interval): boolean {
  const lowerHolds = outer.lower === null || (inner.lower !== null && higher(outer.lower, inner.lower) === inner.lower);
  const upperHolds = outer.upper === null || (inner.upper !== null && lesser(outer.upper, inner.upper) === inner.upper);
  return lowerHolds && upperHolds && [...outer.without].every((one) => inner.without.has(one));
}

/** What identifies a requirement across an edit: its name and where it applies. */
export function requirementKey(requirement: Requirement): string {
  return `${requirement.name};${requirement.marker === null ? '' : printMarker(requirement.marker)}`;
}

/**
 * The risk of one changed Requires-Dist. A requirement that comes to apply where it did not, or asks for more extras, is
 * an added dependency: something is installed that was not.
 */
export function requirementRisk(before: string | null, after: string | null): Risk {
  const [old, fresh] = [before, after].map((text) => (text === null ? null : parseRequirement(text)));
  if (fresh === null || fresh === undefined) return 'remove-dependency';
  if (!fresh.ok || old === null || old === undefined || !old.ok) return 'add-dependency';
  if (requirementKey(old.value) !== requirementKey(fresh.value)) return 'add-dependency';
  if (fresh.value.url !== old.value.url) return 'add-dependency';
  if (fresh.value.extras.some((extra) => !old.value.extras.includes(extra))) return 'add-dependency';
  const bounds = compareBounds(old.value.specifiers, fresh.value.specifiers);
  if (bounds !== 'same') return bounds;
  return fresh.value.extras.length < old.value.extras.length ? 'remove-dependency' : 'text';
}
