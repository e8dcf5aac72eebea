import { everywhere, missingRequirement, usualMarkers, type PageFile, type TargetInterpreter } from '../domain/blocked.ts';
import { failure, FarmError, type Failure } from '../domain/failure.ts';
import type { OwnWheel } from '../domain/cell-options.ts';
import type { PlanCell, PlanRow } from '../domain/plan.ts';
import { parseRequirement, type Requirement } from '../domain/requirement.ts';
import type { Upstream } from '../ports.ts';
import type { Draft } from './builds-plan.ts';
import type { Database } from './prisma/database.ts';

export interface BlockedPorts { readonly database: Database; readonly upstream: Upstream }

/** Build requirements whose wheel of the target itself is needed: its headers are compiled against. */
const targetProjects: ReadonlySet<string> = new Set(['numpy']);

/** What the look at the build requirements found, by target. */
export interface Requirements {
  /** Cells that a build requirement keeps from being built, with the reason. */
  readonly blocked: ReadonlyMap<string, Failure>;
  /** Wheels of the farm's own index that stand for what the upstream index has not. */
  readonly own: ReadonlyMap<string, readonly OwnWheel[]>;
}

/**
 * Looks whether each build requirement has a wheel. Wheels of the upstream index and of the farm's own count. Where
 * the index does not answer nothing is blocked: the fetch will say what is wrong.
 */
export async function lookAtRequirements({ database, upstream }: BlockedPorts, { plan, resolved }: Draft): Promise<Requirements> {
  const cells = plan.cells.filter(({ skipped, rows }) => !skipped && rows.length > 0);
  const requires = new Map(cells.map((cell) => [cell.target, requirementsOf(resolved.settings, cell)]));
  const names = [...new Set([...requires.values()].flat().map(({ name }) => name))];
  const [blocked, own] = [new Map<string, Failure>(), new Map<string, readonly OwnWheel[]>()];
  if (names.length === 0) return { blocked, own };
  const [pages, files, interpreters] = await Promise.all([pagesOf(names, upstream), ownFiles(names, database), interpretersOf(database, cells)]);
  for (const cell of cells) {
    const asked = requires.get(cell.target) ?? [];
    if (!blockedBy(cell, asked, pages, interpreters)) continue;
    const both = new Map([...pages].map(([name, page]) => [name, [...page, ...files.get(name) ?? []]]));
    const found = blockedBy(cell, asked, both, interpreters);
    if (found) blocked.set(cell.target, found);
    else own.set(cell.target, asked.flatMap(({ name }) => (files.get(name) ?? []).map(({ filename, sha256, bytes }) => ({ filename, sha256, bytes }))));
  }
  return { blocked, own };
}

function requirementsOf(settings: Readonly<Record<string, unknown>>, cell: PlanCell): readonly Requirement[] {
  const stated = (settings['build-system'] as { requires?: unknown } | undefined)?.requires;
  const texts = [...Array.isArray(stated) ? stated as unknown[] : [], ...cell.build?.tools ?? []];
  return texts.flatMap((text) => {
    const parsed = parseRequirement(String(text));
    return parsed.ok && !everywhere.has(parsed.value.name) ? [parsed.value] : [];
  });
}

/** Of the machine that builds, then of the target itself for what its compiler needs. */
function blockedBy(
  cell: PlanCell, requires: readonly Requirement[], pages: ReadonlyMap<string, readonly PageFile[]>, interpreters: ReadonlyMap<string, Recorded>,
): Failure | null {
  const [row] = cell.rows as readonly [PlanRow];
  const onHost = interpreterOf(`${cell.target.slice(0, cell.target.indexOf('-'))}-manylinux_x86_64`, row.python, null);
  const onTarget = interpreterOf(cell.target, row.python, interpreters.get(`${row.testImage} ${row.testImageKey}`) ?? null);
  const asked: readonly [readonly Requirement[], TargetInterpreter][] = [
    [requires.filter(({ name }) => targetProjects.has(name)), onTarget], [requires.filter(({ name }) => !targetProjects.has(name)), onHost],
  ];
  for (const [some, interpreter] of asked) {
    const missing = missingRequirement(some, interpreter, pages);
    if (missing) return failure('FARM_BLOCKED', 'plan', { name: missing.name, target: interpreter.target, cell: cell.target });
  }
  return null;
}

interface Recorded { readonly tags: readonly string[]; readonly markers: Readonly<Record<string, string>> }

const interpreterOf = (target: string, python: string, recorded: Recorded | null): TargetInterpreter => ({
  target, tags: recorded ? new Set(recorded.tags) : null, markers: recorded?.markers ?? usualMarkers(target, python),
});

/** What the interpreters of the test images said of themselves when the images were made. */
async function interpretersOf({ prisma }: Database, cells: readonly PlanCell[]): Promise<ReadonlyMap<string, Recorded>> {
  const names = [...new Set(cells.flatMap(({ rows }) => rows[0]?.testImage ?? []))];
  const images = await prisma.image.findMany({ where: { name: { in: names } }, select: { name: true, key: true, record: true } });
  return new Map(images.flatMap(({ name, key, record }) => {
    const { interpreter } = record as { interpreter?: Recorded };
    return interpreter ? [[`${name} ${key}`, interpreter] as const] : [];
  }));
}

/** The files of each project upstream; a project whose page cannot be read is left out. */
async function pagesOf(names: readonly string[], upstream: Upstream): Promise<ReadonlyMap<string, readonly PageFile[]>> {
  const pages = await Promise.all(names.map(async (name): Promise<readonly [string, readonly PageFile[]][]> => {
    try {
      const page = await upstream.project(name);
      return [[name, page?.files.map(({ filename, requiresPython, yanked }) => ({ filename, requiresPython, yanked: yanked !== false })) ?? []]];
    } catch (error) {
      if (error instanceof FarmError && error.failure.code === 'FARM_UPSTREAM_UNREACHABLE') return [];
      throw error;
    }
  }));
  return new Map(pages.flat());
}

/** The farm's own wheels of some projects, the newest first; not the yanked ones. */
async function ownFiles(names: readonly string[], { prisma }: Database): Promise<ReadonlyMap<string, readonly (PageFile & OwnWheel)[]>> {
  const files = await prisma.file.findMany({
    where: { project: { in: [...names] }, kind: 'wheel', yanked: null }, orderBy: { uploadTime: 'desc' },
    select: { project: true, filename: true, requiresPython: true, sha256: true, bytes: true },
  });
  return Map.groupBy(files.map((file) => ({ ...file, bytes: Number(file.bytes), yanked: false })), ({ project }) => project);
}
