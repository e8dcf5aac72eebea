import { everywhere, missingRequirement, usualMarkers, type PageFile, type TargetInterpreter } from '../domain/blocked.ts';
import { failure, FarmError, type Failure } from '../domain/failure.ts';
import type { PlanCell, PlanRow } from '../domain/plan.ts';
import { parseRequirement, type Requirement } from '../domain/requirement.ts';
import type { Upstream } from '../ports.ts';
import type { Draft } from './builds-plan.ts';
import type { Database } from './prisma/database.ts';

export interface BlockedPorts { readonly database: Database; readonly upstream: Upstream }

/** Build requirements whose wheel of the target itself is needed: its headers are compiled against. */
const targetProjects: ReadonlySet<string> = new Set(['numpy']);

/**
 * The cells that a build requirement keeps from being built, by target, with the reason. Wheels of the upstream index
 * and of the farm's own count. Where the index does not answer nothing is blocked: the fetch will say what is wrong.
 */
export async function blockedCells({ database, upstream }: BlockedPorts, { plan, resolved }: Draft): Promise<ReadonlyMap<string, Failure>> {
  const cells = plan.cells.filter(({ skipped, rows }) => !skipped && rows.length > 0);
  const requires = new Map(cells.map((cell) => [cell.target, requirementsOf(resolved.settings, cell)]));
  const names = [...new Set([...requires.values()].flat().map(({ name }) => name))];
  if (names.length === 0) return new Map();
  const [pages, interpreters] = await Promise.all([pagesOf(names, { database, upstream }), interpretersOf(database, cells)]);
  return new Map(cells.flatMap((cell): [string, Failure][] => {
    const found = blockedBy(cell, requires.get(cell.target) ?? [], pages, interpreters);
    return found ? [[cell.target, found]] : [];
  }));
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

/** The files of each project, upstream's and the farm's own; a project whose page cannot be read is left out. */
async function pagesOf(names: readonly string[], { database, upstream }: BlockedPorts): Promise<ReadonlyMap<string, readonly PageFile[]>> {
  const own = await database.prisma.file.findMany({
    where: { project: { in: [...names] }, kind: 'wheel' }, select: { project: true, filename: true, requiresPython: true, yanked: true },
  });
  const pages = await Promise.all(names.map(async (name): Promise<readonly [string, readonly PageFile[]][]> => {
    const mine = own.filter(({ project }) => project === name).map((file) => ({ ...file, yanked: file.yanked !== null }));
    try {
      const page = await upstream.project(name);
      const theirs = page?.files.map(({ filename, requiresPython, yanked }) => ({ filename, requiresPython, yanked: yanked !== false })) ?? [];
      return [[name, [...mine, ...theirs]]];
    } catch (error) {
      if (error instanceof FarmError && error.failure.code === 'FARM_UPSTREAM_UNREACHABLE') return [];
      throw error;
    }
  }));
  return new Map(pages.flat());
}
