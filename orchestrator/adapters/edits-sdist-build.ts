/** Has the patched sdist of a post-release built once, by the farm's own worker, and compares what comes out of it. */
import { createHash, randomUUID } from 'node:crypto';
import { fail } from '../domain/failure.ts';
import { chooseBuild, comparedWith, metadataDifference, type SdistBuild } from '../domain/sdist-build.ts';
import type { Plan } from '../domain/plan.ts';
import type { EditSdistBuilds } from '../edit-ports.ts';
import type { BlobStore, Catalogue, Workflows } from '../ports.ts';
import { fileSource } from './archive/byte-source.ts';
import { archiveLimits, ArchiveRefused } from './archive/limits.ts';
import { openZip, readMember } from './archive/zip-read.ts';
import { earliestEpoch } from './builds-resolve.ts';
import { startMaking } from './builds-sources.ts';
import type { Source } from './prisma/client/client.ts';
import { asJson, type Database } from './prisma/database.ts';
import { asFailure, asPlan } from './prisma/rows.ts';

export interface SdistBuildPorts {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly workflows: Pick<Workflows, 'startSdist' | 'workersOf'>;
  readonly catalogue: Pick<Catalogue, 'planRows'>;
  /** The pool that makes sdists. */
  readonly sdistPool: string;
}

/** A patched sdist that lies in the blob store, and the wheels that it is published with. */
export interface SdistToBuild {
  readonly project: string;
  /** Of the release before the edit: whatever its build needed here, this one gets too. */
  readonly version: string;
  readonly sdist: { readonly filename: string; readonly sha256: string; readonly bytes: number };
  readonly wheels: readonly { readonly filename: string; readonly metadata: () => Promise<string> }[];
}

const kind = 'patched';
/** A build that failed or was cancelled is tried again after this: its worker or the index may be well again. */
const againMs = 10 * 60_000;
const metadataBytesMax = 8 * 2 ** 20;
const notBuilt = (why: string, more: Partial<SdistBuild> = {}): SdistBuild =>
  ({ state: 'not built', target: null, fields: [], attemptId: null, wheelSha256: null, metadataSha256: null, ...more, why });

/**
 * Starts the build of a patched sdist, or says how the one of these very bytes is.
 * @errors of the database
 */
export async function sdistBuildOf(ports: SdistBuildPorts, order: SdistToBuild): Promise<SdistBuild> {
  const { database: { prisma }, sdistPool } = ports;
  const before = await prisma.source.findFirst({ where: { kind, sha256: order.sdist.sha256 }, orderBy: { createdAt: 'desc' } });
  if (before?.state === 'ready') return compared(ports, order, before);
  const failedLately = before !== null && before.state !== 'making' && before.createdAt.getTime() >= Date.now() - againMs;
  if (failedLately) return failed(before);
  const rows = await ports.catalogue.planRows();
  const chosen = chooseBuild(order.wheels.map(({ filename }) => filename), rows);
  if (chosen === null) return notBuilt('this farm has no image of a target that it builds on its own machine yet');
  if (await ports.workflows.workersOf(sdistPool) === 0) {
    return notBuilt(`no worker of pool ${sdistPool} is connected; start one: ./farm worker --pool ${sdistPool}`);
  }
  const target = before?.state === 'making' ? before.buildTarget : chosen.target;
  if (before?.state !== 'making') await start(ports, order, chosen.target);
  return { ...notBuilt(''), state: 'building', target };
}

function failed({ state, failure, buildTarget: target, attemptId }: Source): SdistBuild {
  const why = state === 'cancelled' ? 'its build was cancelled' : asFailure(failure)?.message ?? 'its build ended without a result';
  return notBuilt(why, { target, attemptId });
}

async function start(ports: SdistBuildPorts, order: SdistToBuild, target: string): Promise<void> {
  const { database: { prisma } } = ports;
  const { filename, sha256, bytes } = order.sdist;
  const options = await optionsOf(ports, order, target);
  const id = await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`patched ${sha256}`}, 0))`;
    const twin = await tx.source.findFirst({ where: { kind, sha256, state: { in: ['making', 'ready'] } } });
    if (twin) return null;
    const source = await tx.source.create({
      data: {
        id: randomUUID(), kind, sha256, filename, bytes: BigInt(bytes), sourceDateEpoch: earliestEpoch, state: 'making', buildTarget: target,
        ...(options === null ? {} : { buildOptions: asJson(options) }),
      },
    });
    return source.id;
  });
  if (id !== null) await startMaking(ports, id);
}

/** What the newest build of the release gave the cell of a target; null where the release was not built here. */
async function optionsOf({ database: { prisma } }: SdistBuildPorts, { project, version }: SdistToBuild, target: string) {
  const newest = await prisma.plan.findFirst({
    where: { release: { project, version }, builds: { some: { state: 'succeeded' } } }, orderBy: { createdAt: 'desc' },
  });
  const plan: Plan | null = newest && asPlan(newest.text);
  return plan?.cells.find((cell) => cell.target === target)?.build ?? null;
}

async function compared(ports: SdistBuildPorts, order: SdistToBuild, source: Source): Promise<SdistBuild> {
  const { buildTarget: target, attemptId, sdistSha256: wheelSha256 } = source;
  const known = { target, attemptId, wheelSha256 };
  if (target === null || wheelSha256 === null) return notBuilt('its build left no wheel', known);
  const built = await metadataOf(ports.blobs, wheelSha256).catch((error: unknown) => {
    if (error instanceof ArchiveRefused) return null;
    throw error;
  });
  if (built === null) return notBuilt('the wheel of its build has no METADATA that can be read', known);
  const chosen = comparedWith(target, order.wheels.map(({ filename }) => filename));
  const wheel = order.wheels.find(({ filename }) => filename === chosen);
  const found = metadataDifference(built, await wheel?.metadata() ?? '');
  const metadataSha256 = createHash('sha256').update(built).digest('hex');
  return {
    ...known, metadataSha256, state: found.length === 0 ? 'equal' : 'different', fields: found.map(({ field }) => field),
    why: found.map(({ field, why }) => `${field}: ${why}`).join('; ').slice(0, 2_000),
  };
}

/** METADATA of a wheel that strangers' code has made. @errors ArchiveRefused; null where it has none */
async function metadataOf(blobs: BlobStore, sha256: string): Promise<string | null> {
  const source = await fileSource(await blobs.path(sha256));
  try {
    const archive = await openZip(source, archiveLimits);
    const entry = archive.entries.find(({ name }) => /^[^/]+\.dist-info\/METADATA$/.test(name));
    return entry === undefined ? null : (await readMember(archive, entry, metadataBytesMax)).toString('utf8');
  } finally {
    await source.close();
  }
}

/** Port EditSdistBuilds. */
export function editSdistBuilds(ports: SdistBuildPorts): EditSdistBuilds {
  const { prisma } = ports.database;
  return {
    async of(editId) {
      const edit = await prisma.edit.findUnique({ where: { id: editId }, include: { wheels: true } });
      if (!edit) return fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${editId}` });
      if (edit.state !== 'running') fail('FARM_ENDED', 'publish', { thing: `Edit ${editId}` });
      const { sdistFilename: filename, sdistSha256: sha256, project, version, acceptedConflict, acceptedUnbuilt } = edit;
      if (filename === null || sha256 === null) return null;
      const found = await sdistBuildOf(ports, {
        project, version, sdist: { filename, sha256, bytes: Number(edit.sdistBytes ?? 0) },
        wheels: edit.wheels.map((wheel) => ({
          filename: wheel.filename, metadata: async () => Buffer.from(await ports.blobs.bytes(wheel.metadataSha256)).toString('utf8'),
        })),
      });
      if (found.state !== 'building') {
        await prisma.edit.updateMany({ where: { id: editId, state: 'running' }, data: { sdistBuilt: asJson(found) } });
      }
      return { filename, found, accepted: found.state === 'different' ? acceptedConflict : acceptedUnbuilt };
    },
  };
}
