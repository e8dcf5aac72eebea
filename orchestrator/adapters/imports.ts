import { randomUUID } from 'node:crypto';
import type { ImportView } from '../contract/imports.ts';
import { limits } from '../contract/limits.ts';
import { importWorkflowId } from '../contract/messages.ts';
import { fail, failure } from '../domain/failure.ts';
import { chooseFiles, mayImport, type ImportFault } from '../domain/import.ts';
import type { ImportRecords, Imports } from '../edit-ports.ts';
import type { Clock, Upstream, UpstreamFileView, Workflows } from '../ports.ts';
import { parseWhat } from './builds-resolve.ts';
import type { Import, ImportFile } from './prisma/client/client.ts';
import { asJson, type Database, type Tx } from './prisma/database.ts';
import { nameStateOf } from './prisma/import-records.ts';
import { asFailure } from './prisma/rows.ts';

export interface ImportsPorts {
  readonly database: Database;
  readonly workflows: Workflows;
  readonly upstream: Pick<Upstream, 'project'>;
  readonly records: Pick<ImportRecords, 'end'>;
  readonly clock: Clock;
  /** `wheelfarm 0.1.0`, attested with every import. */
  readonly builder: string;
  readonly index: string;
}

/** A workflow that ends and the row that it wrote just before are not seen at the same moment. */
const settleMs = 60_000;
const rowsAtOnce = 200;

/** Port Imports, and `sweep`, which starts what has a row and no workflow. */
export function prismaImports(ports: ImportsPorts): Imports & { sweep(): Promise<void> } {
  const { prisma } = ports.database;
  return {
    async start({ what, by }) {
      const wanted = await found(ports, what);
      const { id, fresh } = await prisma.$transaction((tx) => record(tx, ports, { ...wanted, by }));
      if (fresh) await startWorkflow(ports, id);
      return view(ports, id);
    },
    view: (id) => view(ports, id),
    async newest(limit) {
      const rows = await prisma.import.findMany({ orderBy: { startedAt: 'desc' }, take: limit, include: { files: true } });
      return rows.map((row) => viewOf(ports, row));
    },
    async cancel(id, by) {
      const row = await prisma.import.findUnique({ where: { id } });
      if (!row) return fail('FARM_NOT_FOUND', 'publish', { thing: `import ${id}` });
      const cancelled = failure('FARM_CANCELLED', 'fetch', { who: by });
      await prisma.import.updateMany({ where: { id, state: 'running' }, data: { failure: asJson(cancelled) } });
      if (row.workflowStartedAt) await ports.workflows.cancelImport(id);
      else await ports.records.end(id, 'cancelled');
    },
    sweep: () => sweep(ports),
  };
}

interface Found {
  readonly project: string;
  readonly displayName: string;
  readonly version: string;
  readonly files: readonly (UpstreamFileView & { readonly kind: string })[];
  readonly leftOut: readonly string[];
}

const refuse = ({ code, words }: ImportFault): never => fail(code, 'fetch', words);

async function found({ upstream }: ImportsPorts, what: string): Promise<Found> {
  const { name, version } = parseWhat(what);
  if (version === null) return fail('FARM_WHAT_UNCLEAR', 'fetch', { what });
  const project = await upstream.project(name) ?? fail('FARM_PROJECT_UNKNOWN', 'fetch', { project: name });
  const chosen = chooseFiles(project, version, { filesMax: limits.importFilesMax, bytesMax: limits.importBytesMax });
  if (!chosen.ok) return refuse(chosen.error);
  return { project: name, displayName: name, ...chosen.value };
}

/** One import of a release at a time. `fresh` false where one goes on already, or nothing is left to import. */
async function record(
  tx: Tx, { builder, clock }: ImportsPorts, wanted: Found & { readonly by: string },
): Promise<{ readonly id: string; readonly fresh: boolean }> {
  const { project, version } = wanted;
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`import ${project} ${version}`}, 0))`;
  const allowed = mayImport(project, version, await nameStateOf(tx, project, version));
  if (!allowed.ok) return refuse(allowed.error);
  const earlier = await tx.import.findMany({
    where: { project, version, state: { in: ['running', 'published'] } }, include: { files: true }, orderBy: { startedAt: 'desc' },
  });
  const running = earlier.find(({ state }) => state === 'running');
  if (running) return { id: running.id, fresh: false };
  const here = new Set(earlier.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
  const missing = wanted.files.filter(({ sha256 }) => !here.has(sha256));
  if (missing.length === 0 && earlier[0]) return { id: earlier[0].id, fresh: false };
  const notes = wanted.leftOut.length === 0 ? []
    : [`left out, because no installer reads them today: ${wanted.leftOut.join(', ')}`];
  const { id } = await tx.import.create({
    data: {
      id: randomUUID(), project, displayName: wanted.displayName, version, requestedBy: wanted.by, builder,
      notes, startedAt: clock.now(), files: { create: missing.map(fileRow) },
    },
  });
  return { id, fresh: true };
}

function fileRow(file: Found['files'][number]) {
  const { filename, sha256, kind, bytes, requiresPython, metadataSha256, provenanceUrl = null, uploadTime, yanked } = file;
  const time = uploadTime === null || Number.isNaN(Date.parse(uploadTime)) ? null : new Date(uploadTime);
  return {
    filename, sha256, kind, bytes: bytes === null ? null : BigInt(bytes), url: bareUrl(file.url), uploadTime: time,
    requiresPython, metadataSha256, provenanceUrl, yanked: yanked === false ? null : yanked === true ? '' : yanked,
  };
}

/** An address that may be shown and signed: without credentials and without what a signed address carries. */
function bareUrl(text: string): string {
  const url = new URL(text);
  url.username = url.password = url.search = url.hash = '';
  return url.href;
}

/** Where Temporal does not answer, the row stays and the sweeper tries again. */
async function startWorkflow({ database: { prisma }, workflows }: ImportsPorts, id: string): Promise<void> {
  try {
    await workflows.startImport(id);
  } catch {
    return;
  }
  await prisma.import.updateMany({ where: { id, workflowStartedAt: null }, data: { workflowStartedAt: new Date() } });
}

async function sweep(ports: ImportsPorts): Promise<void> {
  const { database: { prisma }, workflows, records, clock } = ports;
  const before = new Date(clock.now().getTime() - settleMs);
  const rows = await prisma.import.findMany({ where: { state: 'running' }, orderBy: { startedAt: 'asc' }, take: rowsAtOnce });
  for (const { id, workflowStartedAt } of rows) {
    if (!workflowStartedAt) await startWorkflow(ports, id);
    else if (workflowStartedAt < before && !await workflows.isOpen(importWorkflowId(id))) {
      // A server that lost its state takes the id again; one that knows it as closed does not.
      await startWorkflow(ports, id);
      if (await workflows.isOpen(importWorkflowId(id))) continue;
      await records.end(id, 'failed', failure('FARM_INTERNAL', 'fetch', { why: 'the workflow ended without a result' }));
    }
  }
}

async function view(ports: ImportsPorts, id: string): Promise<ImportView> {
  const row = await ports.database.prisma.import.findUnique({ where: { id }, include: { files: true } });
  return viewOf(ports, row ?? fail('FARM_NOT_FOUND', 'publish', { thing: `import ${id}` }));
}

function viewOf({ index }: ImportsPorts, row: Import & { readonly files: readonly ImportFile[] }): ImportView {
  const { id, project, version, requestedBy, state } = row;
  return {
    id, project, version, requestedBy, state, index, notes: row.notes as string[],
    files: row.files.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)).map((file) => ({
      filename: file.filename, sha256: file.sha256, kind: file.kind, bytes: file.bytes === null ? null : Number(file.bytes),
      fetched: file.fetchedAt !== null, attested: file.attested, attestedWhy: file.attestedWhy, oddity: file.oddity, yanked: file.yanked,
    })),
    failure: asFailure(row.failure), startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null,
  };
}
