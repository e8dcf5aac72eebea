import { randomUUID } from 'node:crypto';
import type { SourceView } from '../contract/api.ts';
import { limits } from '../contract/limits.ts';
import { fail, failure, FarmError } from '../domain/failure.ts';
import { parseGitWhat } from '../domain/repository.ts';
import type { GitRemote } from '../github-ports.ts';
import type { BlobStore, Images, Sources, Workflows } from '../ports.ts';
import { mustBeMade } from './builds-images.ts';
import { resolveSdist, type GivenSdist, type ResolvePorts } from './builds-resolve.ts';
import type { Changes } from './prisma/changes.ts';
import type { Source } from './prisma/client/client.ts';
import type { Database } from './prisma/database.ts';
import { gitOriginOf, movedTag, raiseAlert } from './prisma/git-sources.ts';
import { asFailure } from './prisma/rows.ts';
import { sourceView } from './prisma/views.ts';

export interface SourcePorts {
  readonly database: Database;
  readonly changes: Changes;
  readonly blobs: BlobStore;
  readonly workflows: Workflows;
  readonly resolve: ResolvePorts;
  readonly git: GitRemote;
  /** Makes the image with git when a repository is first cloned; absent where every image is there from the start. */
  readonly images?: Images;
  /** Address of the farm's GitHub. */
  readonly githubUrl: string;
}

const waitPollMs = 1000;
/** The image in which repositories are cloned. */
export const gitImage = 'git-debian-bookworm';
const makingMax = 100;

/** Port Sources: an sdist file is ready at once, the sdist of a folder is made by a workflow. */
export function prismaSources(ports: SourcePorts): Sources {
  const { database: { prisma }, changes, blobs, workflows } = ports;
  const viewOf = async (source: Source): Promise<SourceView> =>
    sourceView(source, source.sdistSha256 ? await blobs.size(source.sdistSha256) : 0);
  return {
    async add({ kind, filename, sha256, epoch, body }) {
      const bytesMax = kind === 'file' ? limits.sdistBytesMax : limits.folderBytesMax;
      const stored = await blobs.put(body, { sha256, bytesMax });
      // A source that failed or was cancelled is tried anew under a new id.
      const before = await prisma.source.findFirst({
        where: { kind, sha256, filename, sourceDateEpoch: epoch, state: { in: ['ready', 'making'] } }, orderBy: { createdAt: 'desc' },
      });
      if (before) return viewOf(before);
      if (kind === 'file') await resolveSdist(ports.resolve, { origin: 'file', sha256, filename, epoch }, null);
      const source = await prisma.source.create({
        data: {
          id: randomUUID(), kind, sha256, filename, bytes: BigInt(stored.bytes), sourceDateEpoch: epoch,
          ...(kind === 'file' ? { state: 'ready', sdistSha256: sha256, sdistFilename: filename } : { state: 'making' }),
        },
      });
      if (kind === 'folder') await startMaking(ports, source.id);
      return viewOf(source);
    },
    addGit: async (what) => viewOf(await addGit(ports, what)),
    view: async (id) => viewOf(await findSource(ports, id)),
    making: async () => Promise.all((await prisma.source.findMany({
      where: { state: 'making' }, orderBy: { createdAt: 'desc' }, take: makingMax,
    })).map(viewOf)),
    async cancel(id) {
      await workflows.cancelSdist(id);
      await prisma.$transaction(async (tx) => {
        await tx.source.updateMany({ where: { id, state: 'making' }, data: { state: 'cancelled' } });
        await changes.tell(tx, 'farm_source', id);
      });
    },
  };
}

/**
 * Finds the commit of a repository and has its sdist made. What was made of that commit before is taken again, so that
 * one commit is one sdist.
 * @errors FARM_REPOSITORY_ADDRESS, FARM_REPOSITORY_*, FARM_REF_UNKNOWN; FARM_TAG_MOVED, which is also an alert
 */
async function addGit(ports: SourcePorts, text: string): Promise<Source> {
  const { database: { prisma } } = ports;
  const parsed = parseGitWhat(text, ports.githubUrl);
  if (!parsed.ok) return fail('FARM_REPOSITORY_ADDRESS', 'plan', { what: parsed.error.what, why: parsed.error.why });
  const { subdirectory } = parsed.value;
  const { url, ref, commit, isPrivate = false } = await ports.git.locate(parsed.value);
  const moved = await movedTag(prisma, { url, ref, commit, subdirectory });
  if (moved) {
    await raiseAlert(prisma, { key: `tag ${url} ${ref} ${subdirectory} ${commit}`, repository: url, failure: moved });
    throw new FarmError(moved);
  }
  if (ports.images) mustBeMade(ports.images, { lacking: (await ports.images.states([gitImage])).filter(({ state }) => state !== 'made'), later: [] });
  const made = await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`${url} ${commit} ${subdirectory}`}, 0))`;
    const known = { gitUrl: url, gitRef: ref, gitCommit: commit, subdirectory };
    const before = await tx.source.findFirst({ where: { ...known, state: { in: ['ready', 'making'] } }, orderBy: { createdAt: 'asc' } });
    if (before) return { source: before, isNew: false };
    const name = `${url.split('/').at(-1) ?? 'repository'}${subdirectory === '' ? '' : `#${subdirectory}`}@${ref?.replace(/^refs\/(tags|heads)\//, '') ?? commit.slice(0, 12)}`;
    const data = { id: randomUUID(), kind: 'git', sha256: '', filename: name, bytes: 0n, sourceDateEpoch: 0, isPrivate, ...known };
    // The same commit under another name has its sdist already, unless what was asked for is a tag: it says a version.
    const twin = ref?.startsWith('refs/tags/') ? null : await tx.source.findFirst({
      where: { gitUrl: url, gitCommit: commit, subdirectory, state: 'ready' }, orderBy: { createdAt: 'asc' },
    });
    const { sdistSha256 = null, sdistFilename = null, sourceDateEpoch = 0, submodules = null } = twin ?? {};
    const taken = twin ? { sdistSha256, sdistFilename, sourceDateEpoch, ...(submodules ? { submodules } : {}) } : {};
    return { source: await tx.source.create({ data: { ...data, ...taken, state: twin ? 'ready' : 'making' } }), isNew: twin === null };
  });
  if (made.isNew) await startMaking(ports, made.source.id);
  return made.source;
}

/** Where Temporal does not answer now the sweeper starts the workflow later. */
export async function startMaking(
  { workflows }: { readonly workflows: Pick<Workflows, 'startSdist'> }, id: string,
): Promise<void> {
  await workflows.startSdist(id).catch(() => undefined);
}

async function findSource({ database }: Pick<SourcePorts, 'database'>, id: string): Promise<Source> {
  return await database.prisma.source.findUnique({ where: { id } }) ?? fail('FARM_NOT_FOUND', 'sdist', { thing: `source ${id}` });
}

/**
 * The sdist of a source; waits while it is being made.
 * @errors the failure of its making; FARM_CANCELLED; FARM_BUILD_TIMEOUT
 */
export async function sdistOfSource(ports: SourcePorts, id: string): Promise<GivenSdist> {
  const deadline = Date.now() + limits.stepMsMax.sdist;
  let source = await findSource(ports, id);
  while (source.state === 'making' && Date.now() < deadline) {
    await nextChange(ports.changes, id);
    source = await findSource(ports, id);
  }
  if (source.state === 'making') fail('FARM_BUILD_TIMEOUT', 'sdist', { step: 'sdist', limit: `${limits.stepMsMax.sdist / 60_000} minutes` });
  if (source.state === 'cancelled') fail('FARM_CANCELLED', 'sdist', { who: 'the one who asked for it' });
  const { sdistSha256: sha256, sdistFilename: filename } = source;
  if (source.state !== 'ready' || !sha256 || !filename) {
    throw new FarmError(asFailure(source.failure) ?? failure('FARM_INTERNAL', 'sdist', { why: `source ${id} has no sdist` }));
  }
  const git = gitOriginOf(source);
  const origin = git ? 'git' : source.kind === 'folder' ? 'folder' : 'file';
  return { origin, ...(git ? { git } : {}), sha256, filename, epoch: source.sourceDateEpoch };
}

function nextChange(changes: Changes, id: string): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(() => done(), waitPollMs);
    const stop = changes.on('farm_source', id, () => done());
  });
}

