import { randomUUID } from 'node:crypto';
import type { BuildView, SourceView } from '../contract/api.ts';
import type { RebuildRequest } from '../contract/rebuilds.ts';
import { nextBuildTag } from '../domain/edit-delivery.ts';
import { fail } from '../domain/failure.ts';
import type { Rebuild } from '../domain/rebuild.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { Rebuilds } from '../edit-ports.ts';
import type { Builds } from '../ports.ts';
import { mustBeMade } from './builds-images.ts';
import { parseWhat, resolveSdist, type GivenSdist, type Resolved } from './builds-resolve.ts';
import { sdistOfSource, startMaking } from './builds-sources.ts';
import { draftOf, record, startWorkflow, type BuildPorts } from './builds.ts';
import { refuseOpenEdit, refuseRebuild } from './edits-request.ts';
import type { Source } from './prisma/client/client.ts';
import type { Tx } from './prisma/database.ts';
import { asPlan } from './prisma/rows.ts';
import { sourceView } from './prisma/views.ts';

/** A release of this farm, and the sdist that it is built from. */
interface KnownRelease {
  readonly project: string;
  readonly version: string;
  readonly sdist: GivenSdist;
  /** What its newest build was for. */
  readonly targets: readonly string[];
}

/** Port Rebuilds. */
export function prismaRebuilds(ports: BuildPorts, builds: Pick<Builds, 'view'>): Rebuilds {
  return {
    async source(request): Promise<SourceView> {
      const release = await knownRelease(ports, request.what);
      const source = await madeOf(ports, release, versionAsked(request, release) ?? fail('FARM_BAD_REQUEST', 'plan', { why: 'no setVersion was given' }));
      return sourceView(source, source.sdistSha256 ? await ports.blobs.size(source.sdistSha256) : 0);
    },
    async start(request): Promise<BuildView> {
      const id = await startRebuild(ports, request);
      return builds.view(id);
    },
  };
}

async function startRebuild(ports: BuildPorts, request: RebuildRequest): Promise<string> {
  const { database: { prisma }, images } = ports;
  const release = await knownRelease(ports, request.what);
  const setVersion = versionAsked(request, release);
  const resolved = setVersion === null ? await resolveSdist(ports.resolve, release.sdist) : await resolveVersion(ports, release, setVersion);
  const { project } = release;
  const version = setVersion ?? release.version;
  const buildTag = setVersion === null ? await tagOf(prisma, project, version) : undefined;
  const { filename, sha256 } = release.sdist;
  const { why, by, recipe } = request;
  const rebuild: Rebuild = {
    id: randomUUID(), why: why.trim(), by, from: { filename, sha256 },
    ...(buildTag === undefined ? {} : { buildTag }), ...(setVersion === null ? {} : { setVersion }),
  };
  const targets = request.targets.length > 0 ? request.targets : [...release.targets];
  const order = { what: `${project}==${version}`, targets, ...(recipe ? { recipe } : {}) };
  const drafted = await draftOf(ports, resolved, order, rebuild);
  if (images && drafted.placement) mustBeMade(images, drafted.placement);
  const { buildId } = await record(ports, drafted, order, async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`edit ${project} ${version}`}, 0))`;
    await refuseOpenEdit(tx, project, version);
    await refuseRebuild(tx, project, version);
    if (buildTag !== undefined && await tagOf(tx, project, version) !== buildTag) fail('FARM_EDIT_STALE', 'plan', { project, version });
    return rebuild;
  });
  await startWorkflow(ports, buildId);
  return buildId;
}

const tagOf = async (tx: Tx, project: string, version: string): Promise<number> =>
  nextBuildTag((await tx.file.findMany({ where: { project, version }, select: { filename: true } })).map(({ filename }) => filename));

/** The release as its newest plan has it, else its imported sdist. @errors FARM_WHAT_UNCLEAR, FARM_REBUILD_RELEASE */
async function knownRelease({ database: { prisma } }: BuildPorts, what: string): Promise<KnownRelease> {
  const { name: project, version: asked } = parseWhat(what);
  if (asked === null) return fail('FARM_WHAT_UNCLEAR', 'plan', { what });
  const files = await prisma.file.findMany({ where: { project } });
  const version = files.find((file) => isVersion(file.version, asked.text))?.version;
  if (version === undefined) return fail('FARM_REBUILD_RELEASE', 'plan', { project, version: asked.text, why: 'nothing was published here' });
  const sdist = files.find((file) => file.kind === 'sdist' && file.version === version);
  const newest = await prisma.plan.findFirst({
    where: { release: { project, version }, builds: { some: { state: 'succeeded' } } }, orderBy: { createdAt: 'desc' },
  });
  if (newest) {
    const { source, cells } = asPlan(newest.text);
    const { origin, git, sdistSha256: sha256, sdistFilename: filename, sourceDateEpoch: epoch } = source;
    const targets = cells.filter(({ skipped }) => !skipped).map(({ target }) => target);
    return { project, version, targets, sdist: { origin, sha256, filename, epoch, ...(git ? { git } : {}) } };
  }
  if (!sdist) return fail('FARM_REBUILD_RELEASE', 'plan', { project, version, why: 'it has wheels only, and no sdist to build' });
  return { project, version, targets: [], sdist: { origin: 'index', sha256: sdist.sha256, filename: sdist.filename, epoch: 0 } };
}

function isVersion(left: string, right: string): boolean {
  const [a, b] = [parseVersion(left), parseVersion(right)];
  return a.ok && b.ok && compareVersions(a.value, b.value) === 0;
}

/** The other version in its canonical spelling; null where the version stays. @errors FARM_REBUILD_VERSION */
function versionAsked({ setVersion }: RebuildRequest, release: KnownRelease): string | null {
  if (setVersion === undefined) return null;
  const parsed = parseVersion(setVersion);
  if (!parsed.ok) return fail('FARM_REBUILD_VERSION', 'plan', { version: setVersion, why: 'it is no version (PEP 440)' });
  if (isVersion(setVersion, release.version)) return fail('FARM_REBUILD_VERSION', 'plan', { version: setVersion, why: 'the release has it already' });
  return parsed.value.text;
}

/** The sdist of the release under another version. @errors FARM_REBUILD_VERSION; those of its making */
async function resolveVersion(ports: BuildPorts, release: KnownRelease, version: string): Promise<Resolved> {
  const made = await sdistOfSource(ports, (await madeOf(ports, release, version)).id);
  const { origin, git } = release.sdist;
  // A commit stays the commit that it was made of; what upstream has is another file.
  const resolved = await resolveSdist(ports.resolve, { ...made, origin: origin === 'index' ? 'file' : origin, ...(git ? { git } : {}) });
  if (resolved.upstreamFiles.length > 0) fail('FARM_REBUILD_VERSION', 'plan', { version, why: 'the index upstream has a release of it' });
  return resolved;
}

/** The making of that sdist; one that goes on or has ended well is taken again. @errors FARM_REBUILD_VERSION */
async function madeOf(ports: BuildPorts, { project, sdist }: KnownRelease, setVersion: string): Promise<Source> {
  const { database: { prisma }, blobs } = ports;
  const versions = await prisma.file.findMany({ where: { project }, select: { version: true }, distinct: ['version'] });
  if (versions.some(({ version }) => isVersion(version, setVersion))) fail('FARM_REBUILD_VERSION', 'plan', { version: setVersion, why: 'it was published here already' });
  const { sha256, filename } = sdist;
  const { source: { sourceDateEpoch } } = await resolveSdist(ports.resolve, sdist);
  const { made, isNew } = await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`version ${sha256} ${setVersion}`}, 0))`;
    const key = { kind: 'release', sha256, filename, setVersion };
    const before = await tx.source.findFirst({ where: { ...key, state: { in: ['ready', 'making'] } }, orderBy: { createdAt: 'desc' } });
    if (before) return { made: before, isNew: false };
    const bytes = BigInt(await blobs.size(sha256));
    return { made: await tx.source.create({ data: { ...key, id: randomUUID(), bytes, sourceDateEpoch, state: 'making' } }), isNew: true };
  });
  if (isNew) await startMaking(ports, made.id);
  return made;
}
