import { fail, FarmError } from '../domain/failure.ts';
import { parseSdistFilename, parseWheelFilename } from '../domain/filename.ts';
import { normalizeName, parseName } from '../domain/names.ts';
import type { GitOrigin, PlanSource, Policy, PolicyLine } from '../domain/plan.ts';
import { compareVersions, newestVersion, parseVersion, type Version } from '../domain/version.ts';
import type { BlobStore, Upstream, UpstreamFileView, UpstreamProject } from '../ports.ts';
import { readSdist, type Sdist } from './archive/sdist.ts';

/** What is to be built, with everything that the plan takes from its sdist and the upstream index. */
export interface Resolved {
  readonly project: string;
  readonly displayName: string;
  readonly version: string;
  readonly requiresPython: string | null;
  readonly source: PlanSource;
  /** `default` and `tiers` of [tool.wheelfarm] in its pyproject.toml. */
  readonly policy?: Partial<Policy>;
  readonly upstreamFiles: readonly string[];
  /** The parsed pyproject.toml of the sdist, empty where there is none. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Its text. */
  readonly pyproject: string;
}

/** An sdist that is in the blob store, and where it is from. `epoch` up to 1980-01-01: the newest member's time is taken. */
export interface GivenSdist {
  readonly origin: PlanSource['origin'];
  readonly sha256: string;
  readonly filename: string;
  readonly epoch: number;
  readonly git?: GitOrigin;
}

export interface ResolvePorts {
  readonly blobs: BlobStore;
  readonly upstream: Upstream;
  /** Sdists that were read before, by digest and filename. */
  readonly sdists: Map<string, Sdist>;
}

/** Zip cannot hold earlier times. 1980-01-01T00:00:00Z @unit seconds since 1970 */
export const earliestEpoch = 315_532_800;
const sdistsKeptMax = 200;

/**
 * Finds the sdist of `name` or `name==version` on the upstream index and reads it.
 * @errors FARM_WHAT_UNCLEAR, FARM_PROJECT_UNKNOWN, FARM_VERSION_UNKNOWN, FARM_NO_SDIST, FARM_YANKED, FARM_SDIST_*,
 * FARM_PYPROJECT_BROKEN, FARM_UPSTREAM_UNREACHABLE
 */
export async function resolveWhat(ports: ResolvePorts, what: string): Promise<Resolved> {
  const { name, version: asked } = parseWhat(what);
  const project = await ports.upstream.project(name);
  if (!project) return fail('FARM_PROJECT_UNKNOWN', 'plan', { project: name });
  const version = asked === null ? newestOf(project) : sameVersion(project, asked);
  const files = filesOf(project, version);
  const sdists = files.filter((file) => parseSdistFilename(file.filename).ok)
    .toSorted((a, b) => Number(b.filename.endsWith('.tar.gz')) - Number(a.filename.endsWith('.tar.gz')));
  const yanked = files.find((file) => file.yanked !== false);
  if (yanked && files.every((file) => file.yanked !== false)) {
    const reason = typeof yanked.yanked === 'string' && yanked.yanked !== '' ? yanked.yanked : 'no reason was given';
    fail('FARM_YANKED', 'plan', { project: name, version, reason });
  }
  const sdist = sdists.find((file) => file.yanked === false) ?? sdists[0];
  if (!sdist) return fail('FARM_NO_SDIST', 'plan', { project: name, version });
  if (!await ports.blobs.has(sdist.sha256)) await ports.upstream.fetch(sdist);
  return resolveSdist(ports, { origin: 'index', sha256: sdist.sha256, filename: sdist.filename, epoch: 0 }, project);
}

/** Reads an sdist of the blob store; `project` is what the upstream index has of it, asked for where absent. */
export async function resolveSdist(
  ports: ResolvePorts, given: GivenSdist, project?: UpstreamProject | null,
): Promise<Resolved> {
  const sdist = await readKept(ports, given);
  const upstream = project ?? await askedKindly(ports.upstream, sdist.name);
  const files = upstream ? filesOf(upstream, sdist.version) : [];
  const wheels = files.map((file) => file.filename).filter((filename) => filename.endsWith('.whl'));
  return {
    project: sdist.name, version: sdist.version,
    displayName: /^Name:[ \t]*(\S+)[ \t]*$/m.exec(sdist.pkgInfo)?.[1] ?? sdist.name,
    requiresPython: sdist.core.requiresPython,
    source: {
      origin: given.origin, ...(given.git ? { git: given.git } : {}), sdistSha256: given.sha256, sdistFilename: given.filename, sdistBytes: sdist.bytes,
      sourceDateEpoch: Math.max(earliestEpoch, given.epoch > earliestEpoch ? given.epoch : sdist.newestMtime),
      hasNativeSource: sdist.hasNativeSource,
      upstreamPure: wheels.some((filename) => filename.endsWith('-none-any.whl')),
    },
    policy: policyIn(sdist.settings),
    upstreamFiles: files.map((file) => file.filename).toSorted(), settings: sdist.settings, pyproject: sdist.pyproject ?? '',
  };
}

/**
 * What a project says of its own targets: `[tool.wheelfarm]` with `default = ["cp313-*"]` and
 * `tiers = [{targets = "*-manylinux_armv7l", tier = 3}]`. Pure.
 * @errors FARM_PYPROJECT_BROKEN for anything else under these two names
 */
export function policyIn(settings: Readonly<Record<string, unknown>>): Partial<Policy> {
  const table = (settings['tool'] as { wheelfarm?: { default?: unknown; tiers?: unknown } } | undefined)?.wheelfarm;
  const wrong = (why: string): never => fail('FARM_PYPROJECT_BROKEN', 'sdist', { why: `[tool.wheelfarm] ${why}` });
  const texts = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
  const isLine = (value: unknown): value is PolicyLine => {
    const { targets, tier, ...rest } = Object(value) as Record<string, unknown>;
    return typeof targets === 'string' && (tier === 1 || tier === 2 || tier === 3) && Object.keys(rest).length === 0;
  };
  const { default: own, tiers } = table ?? {};
  if (own !== undefined && !texts(own)) return wrong('default is no list of target globs');
  if (tiers !== undefined && !(Array.isArray(tiers) && tiers.every(isLine))) {
    return wrong('tiers is no list of {targets = "GLOB", tier = 1, 2 or 3}');
  }
  return { ...(own ? { default: own } : {}), ...(tiers ? { tiers } : {}) };
}

/** Reads an sdist once for each digest. @errors FARM_SDIST_*, FARM_PYPROJECT_BROKEN */
async function readKept({ blobs, sdists }: ResolvePorts, { sha256, filename }: GivenSdist): Promise<Sdist> {
  const key = `${sha256} ${filename}`;
  const kept = sdists.get(key);
  if (kept) return kept;
  const read = await readSdist(await blobs.path(sha256), filename);
  if (!read.ok) {
    const { code, words, line } = read.error;
    return fail(code, 'sdist', words, line === undefined ? undefined : { file: 'pyproject.toml', line, text: words['why'] ?? '' });
  }
  const oldest = sdists.keys().next();
  if (sdists.size >= sdistsKeptMax && !oldest.done) sdists.delete(oldest.value);
  sdists.set(key, read.value);
  return read.value;
}

/** A folder may be of a project that no index has, on a machine without network: that is no error. */
async function askedKindly(upstream: Upstream, name: string): Promise<UpstreamProject | null> {
  try {
    return await upstream.project(name);
  } catch (error) {
    if (error instanceof FarmError && error.failure.code === 'FARM_UPSTREAM_UNREACHABLE') return null;
    throw error;
  }
}

/** `name` or `name==version`. @errors FARM_WHAT_UNCLEAR */
export function parseWhat(what: string): { readonly name: string; readonly version: Version | null } {
  const [rawName = '', rawVersion, ...more] = what.trim().split('==');
  const name = parseName(rawName.trim());
  const version = rawVersion === undefined ? null : parseVersion(rawVersion);
  if (!name.ok || more.length > 0 || version?.ok === false) return fail('FARM_WHAT_UNCLEAR', 'plan', { what });
  return { name: name.value, version: version?.value ?? null };
}

/** The newest version that is not yanked as a whole; a pre-release only where there is nothing else. */
function newestOf(project: UpstreamProject): string {
  const live = project.versions.filter((version) => filesOf(project, version).some((file) => file.yanked === false));
  return newestVersion(live) ?? newestVersion(project.versions)
    ?? fail('FARM_NO_SDIST', 'plan', { project: project.name, version: '(no version)' });
}

function sameVersion(project: UpstreamProject, asked: Version): string {
  const found = project.versions.find((text) => isVersion(text, asked));
  if (found !== undefined) return found;
  const newest = newestVersion(project.versions) ?? 'none';
  return fail('FARM_VERSION_UNKNOWN', 'plan', { project: project.name, version: asked.text, newest });
}

function isVersion(text: string, version: Version): boolean {
  const parsed = parseVersion(text);
  return parsed.ok && compareVersions(parsed.value, version) === 0;
}

/** The files of one version; older indexes list files without saying their version. */
function filesOf(project: UpstreamProject, version: string): readonly UpstreamFileView[] {
  const wanted = parseVersion(version);
  if (!wanted.ok) return [];
  return project.files.filter(({ filename }) => {
    const parsed = filename.endsWith('.whl') ? parseWheelFilename(filename) : parseSdistFilename(filename);
    return parsed.ok && normalizeName(parsed.value.name) === normalizeName(project.name) && isVersion(parsed.value.version, wanted.value);
  });
}
