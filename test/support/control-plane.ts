/** A control plane over a real Postgres and a real blob folder, without Temporal and without the network. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { folderBlobs } from '../../orchestrator/adapters/blobs-fs.ts';
import { prismaBuilds, type BuildPorts } from '../../orchestrator/adapters/builds.ts';
import { prismaSources } from '../../orchestrator/adapters/builds-sources.ts';
import { liveOf } from '../../orchestrator/adapters/live.ts';
import { pagesOf } from '../../orchestrator/adapters/pages/pages.ts';
import { prismaAttempts, prismaTallies } from '../../orchestrator/adapters/prisma/attempts.ts';
import { openChanges } from '../../orchestrator/adapters/prisma/changes.ts';
import { openDatabase, type Database } from '../../orchestrator/adapters/prisma/database.ts';
import { prismaRecords } from '../../orchestrator/adapters/prisma/records.ts';
import { prismaWorkerDoor } from '../../orchestrator/adapters/prisma/worker-door.ts';
import { makeApp } from '../../orchestrator/api/app.ts';
import type { GuardOptions } from '../../orchestrator/api/plugins/auth.ts';
import type { ReleaseOrder } from '../../orchestrator/contract/messages.ts';
import type { BuildOutcome } from '../../orchestrator/contract/worker.ts';
import { fail } from '../../orchestrator/domain/failure.ts';
import type { GitRemote } from '../../orchestrator/github-ports.ts';
import type { PlanRow } from '../../orchestrator/domain/plan.ts';
import type { BlobStore, Builds, Catalogue, OpenLease, Records, Sources, Upstream, UpstreamFileView, WorkerDoor, Workflows } from '../../orchestrator/ports.ts';
import { makeSdist, type MadeDistribution } from './distributions.ts';
import { sha256Of } from './index-plane.ts';
import { startPostgres } from './postgres.ts';

export const apiToken = 'api-token-of-the-test';
export const workerToken = 'worker-token-of-the-test';

export interface ControlPlane {
  readonly app: FastifyInstance;
  readonly ports: BuildPorts;
  readonly builds: Builds;
  readonly sources: Sources;
  readonly records: Records;
  readonly door: WorkerDoor;
  readonly blobs: BlobStore;
  readonly database: Database;
  readonly workflows: RememberedWorkflows;
  readonly upstream: OfferedUpstream;
  readonly git: OfferedGit;
  stop(): Promise<void>;
}

const row = (target: string, python: string, test: PlanRow['test']): PlanRow => ({
  target, python, image: 'cross-test', imageKey: sha256Of('cross-test'), build: 'cross',
  testImage: test === 'none' ? null : 'test-test', testImageKey: test === 'none' ? null : sha256Of('test-test'),
  test, buildPool: 'linux-amd64', testPool: 'linux-amd64', floor: 'glibc 2.17', repair: 'auditwheel',
});

export const rows: readonly PlanRow[] = [
  row('cp311-manylinux_x86_64', '3.11', 'native'), row('cp311-manylinux_aarch64', '3.11', 'qemu'),
  row('cp313-manylinux_x86_64', '3.13', 'native'), row('cp313-musllinux_x86_64', '3.13', 'none'),
];

/** What a plane with pages has beside the API. */
export interface PagesOfPlane {
  guard(database: Database): Partial<GuardOptions>;
  routes(ports: BuildPorts): ((app: FastifyInstance) => void)[];
}

/** Starts the plane with images for `rows`; `stop` removes database and folder. */
export async function startControlPlane(pages?: PagesOfPlane): Promise<ControlPlane> {
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'farm-control-'));
  const database = openDatabase(postgres.url);
  const changes = openChanges(database);
  const blobs = folderBlobs(join(folder, 'blobs'), database.pool);
  const catalogue = await testCatalogue(database, blobs);
  const workflows = rememberedWorkflows();
  const upstream = offeredUpstream(blobs);
  const git = offeredGit();
  const records = prismaRecords({ database, changes, blobs });
  const ports: BuildPorts = {
    database, changes, blobs, workflows, catalogue, records, clock: { now: () => new Date() }, recipes: '/nowhere/recipes', builder: 'test 1',
    resolve: { blobs, upstream, sdists: new Map() }, index: 'http://127.0.0.1/simple/', git, githubUrl: 'https://github.com',
  };
  const builds = prismaBuilds(ports);
  const sources = prismaSources(ports);
  const door = prismaWorkerDoor(ports);
  const app = await makeApp({
    guard: { apiToken, workerToken, hosts: ['farm.example'], ...pages?.guard(database) },
    facts: {
      farmId: 'test', version: '0', url: 'http://127.0.0.1', startedAt: new Date(), clock: ports.clock,
      trustFingerprint: async () => 'f00',
    },
    builds, sources, door, attempts: prismaAttempts(ports), tallies: prismaTallies(database), live: liveOf(ports),
    pages: pagesOf({ database, blobs, catalogue, names: { identity: 'identity', issuer: 'issuer', index: ports.index } }),
    ...(pages ? { more: pages.routes(ports) } : {}),
  });
  return {
    app, ports, builds, sources, records, door, blobs, database, workflows, upstream, git,
    async stop() {
      await app.close();
      await changes.close();
      await database.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function testCatalogue(database: Database, blobs: BlobStore): Promise<Catalogue> {
  for (const name of ['cross-test', 'test-test']) {
    const tar = await blobs.put(Buffer.from(`root of ${name}`));
    await database.prisma.image.create({
      data: { name, key: sha256Of(name), tarSha256: tar.sha256, bytes: BigInt(tar.bytes), record: {} },
    });
  }
  return {
    rows: async () => rows, planRows: async () => rows,
    policy: async () => ({ default: ['*'], tiers: [{ targets: '*x86_64', tier: 1 }, { targets: '*', tier: 2 }] }),
    unsupported: async () => [],
    tool: async () => ({ name: 'git-test', key: sha256Of('git-test'), tarSha256: sha256Of('tar of git-test'), bytes: 1 }),
    async image(name, key) {
      const image = await database.prisma.image.findUniqueOrThrow({ where: { name_key: { name, key } } });
      return { name, key, tarSha256: image.tarSha256, bytes: Number(image.bytes) };
    },
  };
}

export interface RememberedWorkflows extends Workflows {
  readonly started: ReleaseOrder[];
  readonly sdists: string[];
  readonly triggers: string[];
  readonly edits: string[];
  readonly imports: string[];
  readonly cancelled: string[];
  /** While true nothing can be started, as when Temporal is away. */
  away: boolean;
}

function rememberedWorkflows(): RememberedWorkflows {
  const open = new Set<string>();
  const self: RememberedWorkflows = {
    started: [], sdists: [], triggers: [], edits: [], imports: [], cancelled: [], away: false,
    async workersOf(pool) { return pool === 'linux-amd64' ? 1 : 0; },
    async startRelease(order) {
      if (self.away) throw new Error('away');
      if (open.has(`release-${order.buildId}`)) return;
      open.add(`release-${order.buildId}`);
      self.started.push(order);
    },
    async startTrigger(triggerId) {
      if (self.away) throw new Error('away');
      self.triggers.push(triggerId);
      open.add(`trigger-${triggerId}`);
    },
    async startSdist(sourceId) {
      self.sdists.push(sourceId);
      open.add(`sdist-${sourceId}`);
    },
    async cancelRelease(buildId) { self.cancelled.push(buildId); },
    async startEdit({ editId }) {
      if (self.away) throw new Error('away');
      self.edits.push(editId);
      open.add(`edit-${editId}`);
    },
    async cancelEdit(editId) { self.cancelled.push(editId); },
    async startImport(importId) {
      if (self.away) throw new Error('away');
      self.imports.push(importId);
      open.add(`import-${importId}`);
    },
    async cancelImport(importId) { self.cancelled.push(importId); },
    async cancelSdist(sourceId) { self.cancelled.push(sourceId); },
    isOpen: async (id) => open.has(id),
  };
  return self;
}

export interface OfferedUpstream extends Upstream {
  /** From now on the upstream index has this file. */
  offer(project: string, file: MadeDistribution, yanked?: string): void;
}

function offeredUpstream(blobs: BlobStore): OfferedUpstream {
  const projects = new Map<string, { file: UpstreamFileView; bytes: Buffer; version: string }[]>();
  return {
    offer(project, { filename, bytes, requiresPython }, yanked) {
      const file: UpstreamFileView = {
        filename, url: `https://upstream.invalid/${filename}`, sha256: sha256Of(bytes), bytes: bytes.length, uploadTime: null,
        requiresPython, yanked: yanked ?? false, metadataSha256: null,
      };
      const version = filename.replace(/\.tar\.gz$/, '').split('-')[1] ?? '';
      projects.set(project, [...projects.get(project) ?? [], { file, bytes, version }]);
    },
    async project(name) {
      const found = projects.get(name);
      return found ? { name, versions: [...new Set(found.map(({ version }) => version))], files: found.map(({ file }) => file) } : null;
    },
    async fetch({ sha256 }) {
      const found = [...projects.values()].flat().find(({ file }) => file.sha256 === sha256);
      return blobs.put(found?.bytes ?? Buffer.alloc(0), { sha256 });
    },
  };
}

export interface OfferedGit extends GitRemote {
  /** Commits by `url ref`, the full name of a ref. */
  readonly refs: Map<string, string>;
}

function offeredGit(): OfferedGit {
  const refs = new Map<string, string>();
  return {
    refs,
    async locate({ url, ref }) {
      const names = ref === null ? ['refs/heads/main'] : [`refs/tags/${ref}`, `refs/heads/${ref}`];
      const name = names.find((one) => refs.has(`${url} ${one}`));
      return name ? { url, ref: name, commit: refs.get(`${url} ${name}`) ?? '' } : fail('FARM_REF_UNKNOWN', 'plan', { repository: url, ref: ref ?? 'HEAD' });
    },
    async tags(url) {
      const start = `${url} refs/tags/`;
      return new Map([...refs].flatMap(([key, commit]) => (key.startsWith(start) ? [[key.slice(start.length), commit] as const] : [])));
    },
  };
}

/** Offers a new project of one version upstream and starts its build. */
export async function startedBuild(plane: ControlPlane, targets: readonly string[] = []): Promise<{ name: string; buildId: string }> {
  const name = `p${randomUUID().slice(0, 8)}`;
  plane.upstream.offer(name, await makeSdist({ name, version: '1.0' }));
  const view = await plane.builds.start({ what: name, targets: [...targets] });
  return { name, buildId: view.id };
}

/** A lease of a cell's build, opened as its worker would. */
export async function openedLease(
  plane: ControlPlane, buildId: string, target: string, delivery = 1, kind: 'build' | 'test' = 'build',
): Promise<OpenLease & { readonly secret: string }> {
  const grant = await plane.door.lease({ kind, id: buildId, target, delivery, worker: `w${delivery}` });
  return { ...await plane.door.open(grant.leaseId, grant.secret), secret: grant.secret };
}

/** Puts a wheel and says that the build made it. */
export async function succeededOutcome(
  plane: ControlPlane, lease: OpenLease, filename: string, changed: Partial<Extract<BuildOutcome, { state: 'succeeded' }>> = {},
): Promise<Extract<BuildOutcome, { state: 'succeeded' }>> {
  const bytes = Buffer.from(`bytes of ${filename}`);
  await plane.door.output(lease, sha256Of(bytes), one(bytes));
  return {
    kind: 'build', state: 'succeeded', wheel: { sha256: sha256Of(bytes), filename, bytes: bytes.length },
    compilerCalls: 1, compilerFailures: 0, notes: [], audit: {}, grafted: [], ...changed,
  };
}

/** A body of one piece. */
export async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
