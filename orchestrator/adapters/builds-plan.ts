import type { BuildRequest, PlanView } from '../contract/api.ts';
import { buildQueue, testQueue, type CellRef, type ReleaseOrder } from '../contract/messages.ts';
import { projectWishes, type CellOptions, type OwnWheel } from '../domain/cell-options.ts';
import { fail, failure, FarmError, type Failure } from '../domain/failure.ts';
import {
  canonicalText, chosenBy, orderCells, planBuild, planCore, policyOf, type Plan, type PlanCell, type PlanRow,
} from '../domain/plan.ts';
import { versionEnvironment, type Rebuild } from '../domain/rebuild.ts';
import { allowsPython } from '../domain/version.ts';
import type { Catalogue, Images } from '../ports.ts';
import { lateImages, likeImages } from '../../images/recipes.ts';
import { needsRust, rustOf, withRust } from '../domain/rust.ts';
import { place, type Placement } from './builds-images.ts';
import type { Resolved } from './builds-resolve.ts';
import { readRecipes, recipePolicy } from './recipes.ts';
import type { Build, Cell } from './prisma/client/client.ts';
import type { Database, Tx } from './prisma/database.ts';
import { asFailure, asPlan, sha256Of } from './prisma/rows.ts';
import { isNative } from './prisma/specs.ts';

/** A plan without its cut-off: what two requests have in common. */
export interface Draft {
  readonly plan: Plan;
  readonly coreSha256: string;
  readonly resolved: Resolved;
  /** How the candidate rows stand on this farm; null where nothing makes images. */
  readonly placement: Placement | null;
}

/**
 * Plans what was resolved. The cut-off is still empty: `withCutoff` sets it.
 * @errors FARM_IMAGE_MISSING, FARM_TARGETS_EMPTY, FARM_REQUIRES_PYTHON, FARM_OPTION_WRONG, FARM_RECIPE_WRONG, FARM_ALL_SKIPPED
 */
export async function draftPlan(
  { catalogue, images }: { readonly catalogue: Catalogue; readonly images?: Images | undefined }, resolved: Resolved,
  order: { readonly request: BuildRequest; readonly builder: string; readonly recipes: string; readonly rebuild?: Rebuild | undefined },
): Promise<Draft> {
  const { project, displayName, version, source, requiresPython } = resolved;
  const [catalogued, farmGrid, farmPolicy] = await Promise.all([catalogue.rows(), catalogue.unsupported(), catalogue.policy()]);
  const rust = needsRust(resolved.settings) ? withRust(catalogued, likeImages()) : null;
  const [all, grid] = rust ? [rust.rows, [...rust.without, ...farmGrid]] : [catalogued, farmGrid];
  const globs = order.request.targets;
  const recipes = await readRecipes({
    settings: resolved.settings, pyproject: resolved.pyproject, project, folder: order.recipes, given: order.request.recipe ?? null,
  });
  const policy = recipePolicy(policyOf(farmPolicy, project, resolved.policy), recipes);
  const wishes = projectWishes(resolved.settings, recipes);
  const optionsOf = (target: string): CellOptions => {
    const read = wishes.of(target);
    return read.ok ? withVersion(read.value, resolved, order.rebuild) : fail('FARM_OPTION_WRONG', 'plan', { ...read.error });
  };
  const chosen = chosenBy(globs, policy);
  const inGrid = [...all, ...grid].filter(({ target }) => chosen(target));
  const what = `${project}==${version}`;
  if (inGrid.length === 0) fail('FARM_TARGETS_EMPTY', 'plan', { globs: (globs.length > 0 ? globs : policy.default).join(' '), what });
  const accepts = (python: string): boolean => allowsPython(requiresPython, python);
  const asked = all.filter((row) => chosen(row.target) && accepts(row.python)).map((row) => ({ row, skipped: optionsOf(row.target).skipped }));
  const wanted = asked.filter(({ skipped }) => !skipped).map(({ row }) => row);
  const left = asked.flatMap(({ row: { target, python }, skipped }) => (skipped ? [{ target, python, skipped }] : []));
  const placement = images ? await place(images, wanted, lateImages(), rust ? rustOf : undefined) : null;
  const made = await catalogue.planRows(rust?.rows);
  const isReady = new Set(placement?.ready.map(nameOf));
  const rows = placement
    ? [...made.filter((row) => isReady.has(nameOf(row))).map((row) => withCause(row, placement)), ...placement.coming.map((row): PlanRow => ({ ...row, imageKey: '', testImageKey: null }))]
    : made;
  if (rows.length === 0 && !placement) fail('FARM_IMAGE_MISSING', 'plan', { image: 'of every row' });
  const plan = planBuild({
    project, displayName, version, source, builder: order.builder, cutoff: '', globs, rows, policy,
    grid: [...left, ...placement?.refused ?? [], ...grid], allowsPython: accepts,
    ...(order.rebuild ? { rebuild: order.rebuild } : {}),
    unsupported: wishes.unsupported, optionsOf, recipes: recipes.map(({ by, sha256 }) => ({ by, sha256 })),
  });
  if (plan.cells.length === 0) fail('FARM_REQUIRES_PYTHON', 'plan', { project, requires: requiresPython ?? '' });
  if (plan.cells.every(({ skipped }) => skipped)) throw new FarmError(whyNothing(plan));
  return { plan, coreSha256: sha256Of(planCore(plan)), resolved, placement };
}

/** The options of a cell whose version somebody chose: the back end sees it in its environment, as the sdist's did. */
function withVersion(options: CellOptions, { project }: Resolved, rebuild: Rebuild | undefined): CellOptions {
  if (rebuild?.setVersion === undefined || options.skipped) return options;
  const environment = [...options.build?.environment ?? [], ...versionEnvironment(project, rebuild.setVersion)];
  return { ...options, build: { ...options.build, environment } };
}

/** A row that is built without its test, with the reason why the image of the test cannot be had, where there is one. */
function withCause(row: PlanRow, { later }: Placement): PlanRow {
  const failed = row.untested === undefined ? undefined : later.find(({ name, state }) => name === row.testImage && state === 'failed');
  return failed ? { ...row, untested: `the test image ${failed.name} cannot be had: ${failed.note.split('\n')[0]?.slice(0, 200) ?? ''}` } : row;
}

/** The draft with the farm's own wheels that its cells are built with. */
export function withOwnWheels(draft: Draft, own: ReadonlyMap<string, readonly OwnWheel[]>): Draft {
  if (own.size === 0) return draft;
  const cells = draft.plan.cells.map((cell) => {
    const wheels = own.get(cell.target);
    return wheels ? { ...cell, build: { ...cell.build, own: wheels } } : cell;
  });
  const plan = { ...draft.plan, cells };
  return { ...draft, plan, coreSha256: sha256Of(planCore(plan)) };
}

const nameOf = (row: { readonly target: string; readonly image: string }): string => `${row.target} ${row.image}`;

/** A plan of nothing: the cause that all cells have in common, else a list of them. */
function whyNothing({ cells }: Plan): Failure {
  const causes = cells.flatMap(({ skipped }) => skipped ?? []);
  const [first] = causes;
  const common = first && first.code !== 'FARM_TARGET_SKIPPED' && causes.every(({ code }) => code === first.code);
  return common ? first : failure('FARM_ALL_SKIPPED', 'plan', { why: [...new Set(causes.map(({ message }) => message))].join(' ') });
}

/** The plan with the cut-off of the newest equal one, else `now`: an unchanged plan keeps its digest. */
export async function withCutoff(tx: Tx, draft: Draft, now: string): Promise<{ plan: Plan; text: string; sha256: string }> {
  const before = await tx.plan.findFirst({ where: { coreSha256: draft.coreSha256 }, orderBy: { createdAt: 'desc' } });
  const plan = { ...draft.plan, cutoff: before ? asPlan(before.text).cutoff : now };
  const text = canonicalText(plan);
  return { plan, text, sha256: sha256Of(text) };
}

/**
 * Whether a cell is to be built by the next build of its plan: open ones, cancelled ones, and those that the farm or
 * the world failed; what the project is to blame for only when it is asked for `again`.
 */
export function needsWork(cell: Pick<Cell, 'state' | 'tested' | 'failure' | 'testFailure'>, again: boolean): boolean {
  const retry = (value: Failure | null): boolean => again || value?.blame !== 'project';
  if (cell.state === 'failed') return retry(asFailure(cell.failure));
  if (cell.state === 'succeeded' && cell.tested === 'failed') return retry(asFailure(cell.testFailure));
  return ['queued', 'running', 'cancelled', 'blocked'].includes(cell.state);
}

/** Whether a build that left nothing to build still did not publish what it has, by no fault of the project. */
export function needsPublishing(last: Pick<Build, 'state' | 'failure'> | null): boolean {
  if (!last) return true;
  return last.state === 'cancelled' || (last.state === 'failed' && asFailure(last.failure)?.blame !== 'project');
}

/** The order of a build for its workflow: its open cells with the queues of the row that will be taken. */
export async function orderOf(tx: Tx, buildId: string): Promise<ReleaseOrder> {
  const build = await tx.build.findUniqueOrThrow({ where: { id: buildId }, include: { plan: true } });
  const open = await tx.cell.findMany({ where: { planSha256: build.planSha256, state: { in: ['queued', 'running'] } }, select: { target: true } });
  const images = await tx.image.findMany({ select: { name: true, key: true } });
  const there = new Set(images.map(({ name, key }) => `${name} ${key}`));
  const rowOf = (cell: PlanCell): PlanRow | undefined =>
    cell.rows.find((row) => there.has(`${row.image} ${row.imageKey}`)) ?? cell.rows[0];
  const targets = new Set(open.map(({ target }) => target));
  const cells = asPlan(build.plan.text).cells.filter((cell) => targets.has(cell.target));
  const queues: string[] = [];
  const placeOf = (queue: string): number => (queues.includes(queue) ? queues.indexOf(queue) : queues.push(queue) - 1);
  const refs = new Map(cells.flatMap((cell): [string, CellRef][] => {
    const row = rowOf(cell);
    return row ? [[cell.target, [cell.target, placeOf(buildQueue(row.buildPool)), row.test === 'none' ? -1 : placeOf(testQueue(row.testPool))]]] : [];
  }));
  const native = new Set(cells.filter((cell) => cell.rows.some(isNative)).map((cell) => cell.target));
  const { scout, chains } = orderCells(cells, native);
  return {
    buildId, queues, scout: (scout === null ? null : refs.get(scout)) ?? null,
    chains: chains.map((chain) => chain.flatMap((target) => { const ref = refs.get(target); return ref ? [ref] : []; })),
  };
}

/** A plan as people see it, with what earlier attempts of the project let expect. */
export async function planView(
  database: Database, draft: Draft, { now, blocked }: { readonly now: string; readonly blocked: ReadonlyMap<string, Failure> },
): Promise<PlanView> {
  const { prisma } = database;
  const { plan, sha256 } = await withCutoff(prisma, draft, now);
  const [cells, expected, last] = await Promise.all([
    prisma.cell.findMany({ where: { planSha256: sha256 } }),
    expectations(prisma, plan.project),
    prisma.build.findFirst({ where: { planSha256: sha256 }, orderBy: { startedAt: 'desc' } }),
  ]);
  const known = new Map(cells.map((cell) => [cell.target, cell]));
  const { source } = plan;
  return {
    sha256, project: plan.project, version: plan.version, cutoff: plan.cutoff, origin: source.origin,
    sdist: { sha256: source.sdistSha256, filename: source.sdistFilename, bytes: source.sdistBytes },
    sourceDateEpoch: source.sourceDateEpoch,
    unsupported: [...plan.unsupported ?? []],
    cells: plan.cells.map(({ target, tier, rows, skipped }) => ({
      target, tier, state: stateOf(known.get(target)?.state, skipped, blocked.get(target)),
      why: skipped?.message ?? blocked.get(target)?.message ?? null,
      rows: rows.map(({ image, imageKey, build, test, floor, buildPool }) => ({ image, imageKey, build, test, floor, buildPool })),
      passed: [...draft.placement?.passed.get(target) ?? []],
      expectedMs: expected.get(target)?.ms ?? null, expectedBytes: expected.get(target)?.bytes ?? null,
    })),
    unchanged: cells.length > 0 && last !== null && last.state !== 'running'
      && !cells.some((cell) => needsWork(cell, false)) && !needsPublishing(last),
    images: [...draft.placement?.lacking ?? []],
  };
}

/** What a cell would be: what it is already, where that is an end. */
function stateOf(now: string | undefined, skipped: Failure | undefined, blocked: Failure | undefined): string {
  if (blocked && (now === undefined || now === 'queued' || now === 'blocked')) return 'blocked';
  return now === 'blocked' ? 'queued' : now ?? (skipped ? 'unsupported' : 'queued');
}

/** Mean time and size of what was really built of a project, for each target. */
async function expectations(tx: Tx, project: string): Promise<ReadonlyMap<string, { ms: number; bytes: number | null }>> {
  const rows = await tx.$queryRaw<{ target: string; ms: number; bytes: number | null }[]>`
    select a.target, avg(extract(epoch from a.ended_at - a.started_at) * 1000)::float8 as ms, avg(a.wheel_bytes)::float8 as bytes
    from attempt a join build b on b.id = a.build_id join plan p on p.sha256 = b.plan_sha256 join release r on r.id = p.release_id
    where r.project = ${project} and a.state = 'succeeded' and a.reused_from is null and a.ended_at is not null
    group by a.target`;
  return new Map(rows.map(({ target, ms, bytes }) => [target, { ms: Math.round(ms), bytes: bytes === null ? null : Math.round(bytes) }]));
}
