import { compareTargets } from './coverage.ts';
import type { BuildOptions, CellOptions, TestOptions } from './cell-options.ts';
import type { Unsupported } from './cibuildwheel.ts';
import type { Failure, Step } from './failure.ts';
import type { Rebuild } from './rebuild.ts';
import type { RecipeLimits } from './recipe.ts';

/** Cell states, the words of tables, API, JSON and pages. */
export const endStates = ['succeeded', 'covered', 'upstream', 'blocked', 'failed', 'unsupported', 'cancelled'] as const;
export type EndState = (typeof endStates)[number];
export type CellState = 'queued' | 'running' | EndState;
export const testedStates = ['passed', 'failed', 'no-runner', 'no-requirement'] as const;
export type Tested = (typeof testedStates)[number];

/** One catalogue row: how one target is built and tested. The shape of images/catalogue.json. */
export interface CatalogueRow {
  /** cibuildwheel's id: `cp313-manylinux_aarch64`. */
  readonly target: string;
  /** `3.13` */
  readonly python: string;
  readonly image: string;
  readonly build: 'native' | 'cross' | 'qemu' | 'host';
  readonly testImage: string | null;
  readonly test: 'native' | 'qemu' | 'host' | 'none';
  readonly buildPool: string;
  readonly testPool: string;
  /** `glibc 2.17`, `musl 1.2` */
  readonly floor: string;
  readonly repair: 'auditwheel' | 'delvewheel' | 'delocate';
  /** Where the interpreter comes from, where it is neither upstream's nor Debian's. */
  readonly source?: 'uv';
  /** Path of the target's own interpreter in the image, where builds and tests run in that one. */
  readonly interpreter?: string;
}

export type Tier = 1 | 2 | 3;

/** The commit that an sdist was made of. */
export interface GitOrigin {
  readonly url: string;
  /** Full name of the tag or branch that was asked for; null where a commit was. */
  readonly ref: string | null;
  readonly commit: string;
  /** Folder of the project; empty for the root. */
  readonly subdirectory: string;
  readonly submodules: readonly { readonly path: string; readonly url: string; readonly commit: string }[];
}

/** Where the sdist came from. `origin` is a word for people: `index`, `file`, `folder` or `git`. */
export interface PlanSource {
  readonly origin: 'index' | 'file' | 'folder' | 'git';
  readonly git?: GitOrigin;
  readonly sdistSha256: string;
  readonly sdistFilename: string;
  readonly sdistBytes: number;
  /** Seconds since 1970; git commit time, else the newest member of the sdist, never before 1980. */
  readonly sourceDateEpoch: number;
  readonly hasNativeSource: boolean;
  /** True where the upstream index has a pure wheel of this version. */
  readonly upstreamPure: boolean;
}

/** A candidate row with the key of the image it names, as it stood when the plan was made. */
export interface PlanRow extends CatalogueRow {
  readonly imageKey: string;
  readonly testImageKey: string | null;
  /** Why the wheel is not tested though the catalogue has a test for the row; then `test` is `none`. */
  readonly untested?: string;
}

export interface PlanCell {
  readonly target: string;
  readonly tier: Tier;
  /** Candidates whose images are on this farm, best first; none where the target cannot be built here. */
  readonly rows: readonly PlanRow[];
  /** Why it is not built: the cell is `unsupported` from the start, and no gap of the release. */
  readonly skipped?: Failure;
  /** What the project and its recipe ask for; absent where they ask for nothing. */
  readonly build?: BuildOptions;
  readonly test?: TestOptions;
  readonly limits?: RecipeLimits;
}

/** A target of the grid that no row serves. */
export interface UnservedTarget {
  readonly target: string;
  readonly python: string;
  readonly skipped: Failure;
}

/** What will be built. Pure value: same input, same plan; its canonical text is hashed at the rim. */
export interface Plan {
  readonly format: 1;
  readonly project: string;
  readonly displayName: string;
  readonly version: string;
  readonly source: PlanSource;
  readonly builder: string;
  /** Requirements released later are not looked at. ISO 8601, UTC; kept while the rest of the plan is unchanged. */
  readonly cutoff: string;
  readonly cells: readonly PlanCell[];
  /** Options that the project sets and the farm does not follow. */
  readonly unsupported?: readonly Unsupported[];
  /** Digests of the recipes that were laid over the project's own options, lowest first. */
  readonly recipes?: readonly { readonly by: string; readonly sha256: string }[];
  /** Set where a published release is built again: nothing that was built before is taken for it. */
  readonly rebuild?: Rebuild;
}

export interface PlanRequest {
  readonly project: string;
  readonly displayName: string;
  readonly version: string;
  readonly source: PlanSource;
  readonly builder: string;
  readonly cutoff: string;
  readonly globs: readonly string[];
  readonly rows: readonly PlanRow[];
  readonly policy: Policy;
  /** Targets of the grid without a row that can work here. */
  readonly grid?: readonly UnservedTarget[];
  /** Tells whether a Python such as `3.11` satisfies the sdist's Requires-Python. */
  readonly allowsPython: (python: string) => boolean;
  readonly optionsOf?: (target: string) => CellOptions;
  readonly unsupported?: readonly Unsupported[];
  readonly recipes?: NonNullable<Plan['recipes']>;
  readonly rebuild?: Rebuild;
}

/** A line of images/policy.json: the first line whose glob matches gives the tier. */
export interface PolicyLine {
  readonly targets: string;
  readonly tier: Tier;
}

/** images/policy.json: which targets a build has that names none, and the tier of each. */
export interface Policy {
  /** Globs. */
  readonly default: readonly string[];
  readonly tiers: readonly PolicyLine[];
  /** By normalized name: what a project has in the place of the farm's own. Its tiers come before the farm's. */
  readonly projects?: Readonly<Record<string, Partial<Omit<Policy, 'projects'>>>>;
}

/** The policy of one project: the farm's, what the farm's file says of the project, what the project says itself. Pure. */
export function policyOf(policy: Policy, project: string, own: Partial<Policy> = {}): Policy {
  const local = policy.projects?.[project];
  return {
    default: local?.default ?? own.default ?? policy.default,
    tiers: [...local?.tiers ?? [], ...own.tiers ?? [], ...policy.tiers],
  };
}

/** Whether a build has a target: its globs choose, else the policy's default ones. */
export function chosenBy(globs: readonly string[], policy: Policy): (target: string) => boolean {
  const chosen = globs.length === 0 ? policy.default : globs;
  return (target) => chosen.some((glob) => matchesGlob(glob, target));
}

/** `*` any text, `?` one character, `{a,b}` either; the globs of cibuildwheel's build and skip. */
export function matchesGlob(glob: string, text: string): boolean {
  const source = glob.replace(/[.+^$()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')
    .replace(/\{([^{}]*)\}/g, (_, list: string) => `(?:${list.split(',').join('|')})`);
  return new RegExp(`^${source}$`).test(text);
}

/** The platform of a target id: `manylinux_aarch64`. */
export const platformOf = (target: string): string => target.slice(target.indexOf('-') + 1);

/**
 * Makes the plan: every target that the globs choose and whose Python the project accepts, with its candidate rows in
 * catalogue order.
 * @errors an empty `cells`: the caller says FARM_TARGETS_EMPTY or FARM_REQUIRES_PYTHON
 */
export function planBuild(request: PlanRequest): Plan {
  const chosen = chosenBy(request.globs, request.policy);
  const isWanted = (row: { target: string; python: string }): boolean => request.allowsPython(row.python) && chosen(row.target);
  const wanted = request.rows.filter(isWanted);
  const served = new Set(wanted.map((row) => row.target));
  const without = new Map((request.grid ?? []).filter((one) => isWanted(one) && !served.has(one.target))
    .map((one) => [one.target, one.skipped]));
  const targets = [...served, ...without.keys()].sort(compareTargets);
  return {
    format: 1,
    project: request.project,
    displayName: request.displayName,
    version: request.version,
    source: request.source,
    builder: request.builder,
    cutoff: request.cutoff,
    cells: targets.map((target) => ({
      target,
      tier: tierOf(target, request.policy.tiers),
      rows: wanted.filter((row) => row.target === target),
      ...(without.has(target) ? { skipped: without.get(target)! } : {}),
      ...request.optionsOf?.(target),
    })),
    ...(request.unsupported && request.unsupported.length > 0 ? { unsupported: request.unsupported } : {}),
    ...(request.recipes && request.recipes.length > 0 ? { recipes: request.recipes } : {}),
    ...(request.rebuild ? { rebuild: request.rebuild } : {}),
  };
}

/** The tier of a target: the first line that matches; best effort when none does. */
export function tierOf(target: string, policy: readonly PolicyLine[]): Tier {
  return policy.find((line) => matchesGlob(line.targets, target))?.tier ?? 3;
}

/** The same value always has the same text: keys sorted, no spaces (RFC 8785 for the values a plan holds). */
export function canonicalText(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalText(member)}`).join(',')}}`;
}

/** The part of a plan that says whether it is the same as an earlier one: everything but the cut-off. */
export const planCore = (plan: Plan): string => canonicalText({ ...plan, cutoff: undefined });

/** One locked requirement: a file with its digest. */
export interface Locked {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly sha256: string;
}

/** The options by which a cell is built; undefined where nothing is asked for. */
const buildOptionsOf = (plan: Plan, target: string): BuildOptions | undefined =>
  plan.cells.find((cell) => cell.target === target)?.build;

/**
 * The canonical text whose hash is the attempt key: what was built under the same key is not built again. How the row is
 * tested is no part of it: a test image that is made later has its wheels tested, not built, once more.
 * @source DESIGN "Plan": sdist + recipe + row + image key + lock + builder version
 */
export function attemptKeyText(plan: Plan, row: PlanRow, lock: readonly Locked[]): string {
  return canonicalText({
    build: buildOptionsOf(plan, row.target),
    builder: plan.builder,
    lock: [...lock].map(({ filename, sha256 }) => `${filename}#${sha256}`).sort(),
    rebuild: plan.rebuild?.id,
    row: { ...row, test: undefined, testImage: undefined, testImageKey: undefined, testPool: undefined, untested: undefined },
    sdist: plan.source.sdistSha256,
    sourceDateEpoch: plan.source.sourceDateEpoch,
  });
}

/** The order of work: the scout (lowest Python of the native platform), then a chain for each platform, lowest first. */
export interface WorkOrder {
  readonly scout: string | null;
  readonly chains: readonly (readonly string[])[];
}

/**
 * Orders the cells that are to be built. The scout goes alone, because what it shows (pure or not) may end the rest.
 * @source DESIGN "Order"
 */
export function orderCells(cells: readonly PlanCell[], nativeBuilds: ReadonlySet<string>): WorkOrder {
  const sorted = cells.map((cell) => cell.target).sort(compareTargets);
  const scout = sorted.find((target) => nativeBuilds.has(target)) ?? sorted[0] ?? null;
  const chains = new Map<string, string[]>();
  for (const target of sorted) {
    if (target === scout) continue;
    chains.set(platformOf(target), [...(chains.get(platformOf(target)) ?? []), target]);
  }
  return { scout, chains: [...chains.values()] };
}

export type ScoutVerdict = 'pure' | 'native' | 'built pure by mistake' | 'ask the rest';

/**
 * What the first wheel says of the release.
 * @source DESIGN "Order": pure, no compiler call, and no native source in the sdist or upstream pure too: one build is all
 */
export function judgeWheel(wheel: {
  readonly pure: boolean;
  readonly compilerCalls: number;
  readonly hasNativeSource: boolean;
  readonly upstreamPure: boolean;
  readonly nativeSiblings: boolean;
}): ScoutVerdict {
  if (!wheel.pure) return 'native';
  if (wheel.compilerCalls > 0 || wheel.nativeSiblings) return 'built pure by mistake';
  return !wheel.hasNativeSource || wheel.upstreamPure ? 'pure' : 'built pure by mistake';
}

export interface StepTime {
  readonly step: Step;
  readonly ms: number;
}
