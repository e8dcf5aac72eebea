/** Rows of the database as values of the domain: one place where JSON columns get their types. */
import { createHash } from 'node:crypto';
import type { CellLimits } from '../../contract/limits.ts';
import { cellLimits, limits } from '../../contract/limits.ts';
import { fail, type Failure } from '../../domain/failure.ts';
import type { Locked, Plan, PlanRow } from '../../domain/plan.ts';
import type { Tx } from './database.ts';

export const sha256Of = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

export const asPlan = (text: string): Plan => JSON.parse(text) as Plan;
export const asFailure = (value: unknown): Failure | null => value as Failure | null;
export const asLock = (value: unknown): readonly Locked[] => (value ?? []) as readonly Locked[];
export const asRow = (value: unknown): PlanRow | null => value as PlanRow | null;

/** The limits of a build's cells: what the request or the recipe lowered, never more than the farm's own. */
export function limitsOf(lowered: unknown, step: 'build' | 'test' | 'sdist', recipe: Partial<CellLimits> = {}): CellLimits {
  const wanted = (lowered ?? {}) as Partial<CellLimits>;
  const own: CellLimits = { ...cellLimits, stepMsMax: limits.stepMsMax[step] };
  const names = Object.keys(own) as (keyof CellLimits)[];
  return Object.fromEntries(names.map((name) => [name, Math.min(own[name], wanted[name] ?? own[name], recipe[name] ?? own[name])])) as unknown as CellLimits;
}

/** A plan never changes under its digest, and one of a thousand cells takes milliseconds to fetch and parse. */
const plansKept = new Map<string, Plan>();
const plansKeptMax = 16;

/** The plan of a digest. @errors Prisma's where there is none */
export async function planOf(tx: Tx, sha256: string): Promise<Plan> {
  const kept = plansKept.get(sha256);
  if (kept) return kept;
  const plan = asPlan((await tx.plan.findUniqueOrThrow({ where: { sha256 }, select: { text: true } })).text);
  const oldest = plansKept.keys().next();
  if (plansKept.size >= plansKeptMax && !oldest.done) plansKept.delete(oldest.value);
  plansKept.set(sha256, plan);
  return plan;
}

/** What never changes of a build. */
export interface BuildFacts { readonly planSha256: string; readonly limits: unknown; readonly again: boolean }

const buildsKept = new Map<string, BuildFacts>();
const buildsKeptMax = 200;

/** What never changes of a build, asked for once. @errors FARM_NOT_FOUND */
export async function buildFacts(tx: Tx, buildId: string): Promise<BuildFacts> {
  const kept = buildsKept.get(buildId);
  if (kept) return kept;
  const build = await tx.build.findUnique({ where: { id: buildId } });
  if (!build) return fail('FARM_NOT_FOUND', 'plan', { thing: `build ${buildId}` });
  const oldest = buildsKept.keys().next();
  if (buildsKept.size >= buildsKeptMax && !oldest.done) buildsKept.delete(oldest.value);
  const facts = { planSha256: build.planSha256, limits: build.limits, again: build.again };
  buildsKept.set(buildId, facts);
  return facts;
}

/** A build with its plan. @errors FARM_NOT_FOUND */
export async function buildWithPlan(tx: Tx, buildId: string) {
  const build = await tx.build.findUnique({ where: { id: buildId } });
  if (!build) return fail('FARM_NOT_FOUND', 'plan', { thing: `build ${buildId}` });
  return { build, plan: await planOf(tx, build.planSha256) };
}

/** The first candidate row of a target whose images are on this farm. @errors FARM_IMAGE_MISSING, FARM_NOT_FOUND */
export async function chooseRow(tx: Tx, plan: Plan, target: string): Promise<PlanRow> {
  const rows = plan.cells.find((cell) => cell.target === target)?.rows;
  if (!rows) return fail('FARM_NOT_FOUND', 'plan', { thing: `cell ${target} in this plan` });
  for (const row of rows) if (await findImage(tx, row.image, row.imageKey)) return row;
  return fail('FARM_IMAGE_MISSING', 'plan', { image: rows[0]?.image ?? target });
}

interface KeptImage { readonly tarSha256: string; readonly bytes: number }

/** An image never changes under its key; each cell of a release asks for the same few. */
const imagesKept = new Map<string, KeptImage>();
const imagesKeptMax = 200;

async function findImage(tx: Tx, name: string, key: string): Promise<KeptImage | null> {
  const id = `${name} ${key}`;
  const kept = imagesKept.get(id);
  if (kept) return kept;
  const image = await tx.image.findUnique({ where: { name_key: { name, key } } });
  if (!image) return null;
  if (imagesKept.size >= imagesKeptMax) imagesKept.clear();
  const found = { tarSha256: image.tarSha256, bytes: Number(image.bytes) };
  imagesKept.set(id, found);
  return found;
}

/** An image with its tar's digest. @errors FARM_IMAGE_MISSING */
export async function imageInput(tx: Tx, name: string, key: string) {
  const image = await findImage(tx, name, key);
  return image ? { name, key, ...image } : fail('FARM_IMAGE_MISSING', 'plan', { image: name });
}

/** A pure wheel serves every platform: its tags end in `none-any`. */
export const isPureWheel = (filename: string): boolean => filename.endsWith('-none-any.whl');
