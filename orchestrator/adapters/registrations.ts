import { parse as parseToml } from 'smol-toml';
import type { Proposal, ProposalRequest, RegistrationRequest, RegistrationView } from '../contract/registrations.ts';
import { limits } from '../contract/limits.ts';
import { projectWishes } from '../domain/cell-options.ts';
import { cibuildwheelTable, unsupportedOptions } from '../domain/cibuildwheel.ts';
import { compareTargets } from '../domain/coverage.ts';
import { fail, failure, FarmError, type Failure } from '../domain/failure.ts';
import { parseWheelFilename } from '../domain/filename.ts';
import { normalizeName, parseName } from '../domain/names.ts';
import { proveName, readinessOf, type NameHolder } from '../domain/registration.ts';
import { isVersionTag, looksLikeGit, newestTags, parseGitWhat } from '../domain/repository.ts';
import { targetAcceptsWheel } from '../domain/tags.ts';
import { allowsPython } from '../domain/version.ts';
import type { Github, GithubRepository, GitRemote, Registrant, Registrations } from '../github-ports.ts';
import type { Catalogue, Clock, Images, Upstream, UpstreamProject } from '../ports.ts';
import { gitImage } from './builds-sources.ts';
import { readingHeader } from './github-keys.ts';
import { resolveWhat, type ResolvePorts } from './builds-resolve.ts';
import type { Database } from './prisma/database.ts';
import { readSdist } from './archive/sdist.ts';
import { acknowledgeAlert, alertViews, keepRegistration, registrationViews, triggerViews } from './prisma/registration-rows.ts';

export interface RegistrationPorts {
  readonly database: Database;
  readonly github: Github;
  readonly git: GitRemote;
  readonly githubUrl: string;
  readonly upstream: Upstream & { provenance(url: string): Promise<unknown> };
  readonly resolve: ResolvePorts;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** Makes the image with git ahead of the first tag; absent where every image is there. */
  readonly images?: Pick<Images, 'make'> | undefined;
  /** Address of the farm, no slash at the end. */
  readonly url: string;
}

type Settings = Readonly<Record<string, unknown>>;

/** What was read for a proposal; a registration is decided from the same. */
interface Read {
  readonly project: string | null;
  readonly subdirectory: string;
  readonly repository: GithubRepository | null;
  readonly who: string | null;
  readonly settings: Settings;
  readonly hasPyproject: boolean;
  readonly hasSetupPy: boolean;
  readonly tags: { readonly names: readonly string[]; readonly more: boolean };
  readonly releases: readonly string[];
  readonly upstream: UpstreamProject | null;
  readonly holder: NameHolder | null;
}

const tagsShown = 20;

/** Port Registrations. */
export function prismaRegistrations(ports: RegistrationPorts): Registrations {
  const { database, url } = ports;
  return {
    async propose(request, who) {
      const read = await readAll(ports, request, who);
      return proposal(ports, read, problemsOf(ports, read, { by: who.login, approval: null }));
    },
    async register(request, who) {
      const read = await readAll(ports, request, who);
      if (!who.admin && (request.approval || !read.repository)) fail('FARM_FORBIDDEN', 'plan', { role: 'admin', project: 'the whole farm', who: who.login });
      const approval = request.approval ? { by: request.by, why: request.approval.why } : null;
      const [problem] = problemsOf(ports, read, { by: request.by, approval });
      if (problem) throw new FarmError(problem);
      return kept(ports, request, read, approval);
    },
    list: (filter = {}) => registrationViews(database, url, filter),
    async view(project) {
      const [found] = await registrationViews(database, url, { project: normalizeName(project) });
      return found ?? fail('FARM_NOT_FOUND', 'plan', { thing: `registration of ${project}` });
    },
    async remove(project) {
      const gone = await database.prisma.registration.deleteMany({ where: { project: normalizeName(project) } });
      if (gone.count === 0) fail('FARM_NOT_FOUND', 'plan', { thing: `registration of ${project}` });
    },
    triggers: (filter) => triggerViews(database, filter),
    alerts: (filter) => alertViews(database, filter),
    acknowledge: (id, word) => acknowledgeAlert(database, id, word, ports.clock.now()),
  };
}

async function readAll(ports: RegistrationPorts, { what, project }: ProposalRequest, asker: Registrant): Promise<Read> {
  const { github } = ports;
  if (!looksLikeGit(what)) return readWatched(ports, what);
  const parsed = parseGitWhat(what, ports.githubUrl);
  if (!parsed.ok) return fail('FARM_REPOSITORY_ADDRESS', 'plan', { what: parsed.error.what, why: parsed.error.why });
  const { fullName, subdirectory } = parsed.value;
  if (fullName === null) return fail('FARM_REPOSITORY_ADDRESS', 'plan', { what, why: `only repositories of ${ports.githubUrl} are registered` });
  const repository = await github.repository(fullName) ?? fail('FARM_REPOSITORY_UNKNOWN', 'plan', { repository: fullName });
  const folder = subdirectory === '' ? '' : `${subdirectory}/`;
  const at = repository.fullName;
  const [pyproject, setup, tags, releases, { who, admin }] = await Promise.all([
    github.file(at, `${folder}pyproject.toml`, repository.defaultBranch), github.file(at, `${folder}setup.py`, repository.defaultBranch),
    github.tags(at), github.releases(at), administers(github, repository, asker),
  ]);
  // What the farm's own keys read of a private repository is nobody else's to know, not even that it is there.
  if (repository.private && !admin) fail('FARM_REPOSITORY_UNKNOWN', 'plan', { repository: fullName });
  const settings = settingsOf(pyproject);
  const said = (settings['project'] as Settings | undefined)?.['name'];
  const named = parseName(project ?? (typeof said === 'string' ? said : ''));
  const name = named.ok ? named.value : null;
  const upstream = name === null ? null : await ports.upstream.project(name);
  return {
    project: name, subdirectory, repository: { ...repository, admin }, who, settings, hasPyproject: pyproject !== null, hasSetupPy: setup !== null, tags, releases,
    upstream, holder: name === null || !upstream ? null : await holderOf(ports, upstream),
  };
}

/**
 * Whether the one who asks may administer a repository: GitHub's word about the person who signed in; for an admin of the
 * farm also about the person whose token the farm has, or that the farm's App is installed there.
 */
async function administers(github: Github, { fullName, admin }: GithubRepository, asker: Registrant): Promise<{ who: string | null; admin: boolean }> {
  const { person } = asker;
  if (person !== null && await github.permission(fullName, person) === 'admin') return { who: person, admin: true };
  if (!asker.admin) return { who: person, admin: false };
  const who = await github.viewer().catch(() => null);
  return { who: who ?? person, admin: admin || await github.installed(fullName) };
}

async function readWatched(ports: RegistrationPorts, what: string): Promise<Read> {
  const name = parseName(what.trim());
  if (!name.ok) return fail('FARM_WHAT_UNCLEAR', 'plan', { what });
  const upstream = await ports.upstream.project(name.value) ?? fail('FARM_PROJECT_UNKNOWN', 'plan', { project: name.value });
  return {
    project: name.value, subdirectory: '', repository: null, who: null, settings: {}, hasPyproject: false, hasSetupPy: false,
    tags: { names: [], more: false }, releases: [], upstream, holder: null,
  };
}

/** @errors FARM_PYPROJECT_BROKEN */
function settingsOf(pyproject: string | null): Settings {
  if (pyproject === null) return {};
  try {
    return parseToml(pyproject) as Settings;
  } catch (error) {
    return fail('FARM_PYPROJECT_BROKEN', 'plan', { why: (error as Error).message.split('\n')[0] ?? '' });
  }
}

/**
 * Who holds a name: publishers in the provenance of its newest files, and the addresses in the metadata of its newest
 * release, which only its owner could upload.
 */
async function holderOf({ upstream, resolve }: RegistrationPorts, project: UpstreamProject): Promise<NameHolder> {
  const proven = project.files.findLast(({ provenanceUrl }) => typeof provenanceUrl === 'string');
  const provenance = proven?.provenanceUrl ? await upstream.provenance(proven.provenanceUrl) : null;
  const bundles = (provenance as { attestation_bundles?: { publisher?: { kind?: string; repository?: string } }[] } | null)?.attestation_bundles ?? [];
  const publishers = bundles.flatMap(({ publisher }) => (publisher?.kind === 'GitHub' && typeof publisher.repository === 'string' ? [publisher.repository] : []));
  const newest = await resolveWhat(resolve, project.name).catch((error: unknown) => {
    if (error instanceof FarmError && ['FARM_NO_SDIST', 'FARM_YANKED'].includes(error.failure.code)) return null;
    throw error;
  });
  if (!newest) return { version: project.versions.at(-1) ?? '', publishers, urls: [] };
  const sdist = await readSdist(await resolve.blobs.path(newest.source.sdistSha256), newest.source.sdistFilename);
  const head = sdist.ok ? sdist.value.pkgInfo.split(/\r?\n\r?\n/)[0] ?? '' : '';
  const urls = [...head.matchAll(/^(?:Home-page|Download-URL|Project-URL):[ \t]*(?:[^,\n]*,[ \t]*)?(https?:\S+)[ \t]*$/gim)].map((found) => found[1] ?? '');
  return { version: newest.version, publishers, urls };
}

/** What stands in the way of a registration. */
function problemsOf(
  { githubUrl, clock }: RegistrationPorts, read: Read, { by, approval }: { readonly by: string; readonly approval: { readonly by: string; readonly why: string } | null },
): readonly Failure[] {
  const { repository, project, who, holder } = read;
  if (!repository) return [];
  const problems: Failure[] = [];
  if (!repository.admin) problems.push(failure('FARM_REPOSITORY_NOT_ADMIN', 'plan', { who: who ?? 'The one who asks (the farm has no token)', repository: repository.fullName }));
  if (!read.hasPyproject && !read.hasSetupPy) {
    problems.push(failure('FARM_REPOSITORY_NO_PROJECT', 'plan', { repository: repository.fullName, folder: read.subdirectory || 'its root', commit: repository.defaultBranch }));
  }
  if (project === null) problems.push(failure('FARM_BAD_REQUEST', 'plan', { why: 'the name of the project stands in no pyproject.toml; give it as project' }));
  else {
    const proof = proveName({ project, fullName: repository.fullName, githubUrl, holder, approval, by, at: clock.now().toISOString() });
    if ('code' in proof) problems.push(proof);
  }
  return problems;
}

async function kept(
  ports: RegistrationPorts, request: RegistrationRequest, read: Read, approval: { readonly by: string; readonly why: string } | null,
): Promise<RegistrationView> {
  const { project, repository, subdirectory, holder, upstream } = read;
  if (project === null) return fail('FARM_BAD_REQUEST', 'plan', { why: 'it has no name' });
  const at = ports.clock.now().toISOString();
  const proof = repository
    ? proveName({ project, fullName: repository.fullName, githubUrl: ports.githubUrl, holder, approval, by: request.by, at })
    : { kind: 'watched' as const, evidence: 'the releases of the index are built, nothing of a repository', by: request.by, at };
  if ('code' in proof) throw new FarmError(proof);
  // What is there now was released before: only what comes from now on is built.
  const url = repository ? `${ports.githubUrl}/${repository.fullName}` : null;
  const tags = url === null ? {} : await knownTags(ports.git, url, repository?.private ? await readingHeader(ports.github, repository.fullName) : null);
  await keepRegistration(ports.database, {
    project, subdirectory, targets: request.targets, proof, by: request.by, versions: upstream?.versions ?? [],
    repository: repository && url !== null ? { id: repository.id, fullName: repository.fullName, url, defaultBranch: repository.defaultBranch, tags } : null,
  });
  if (repository) ports.images?.make([gitImage]);
  const [view] = await registrationViews(ports.database, ports.url, { project });
  return view ?? fail('FARM_NOT_FOUND', 'plan', { thing: `registration of ${project}` });
}

/** The newest tags with their commits. */
async function knownTags(git: GitRemote, url: string, authorization: string | null): Promise<Record<string, string>> {
  const tags = await git.tags(url, authorization);
  return Object.fromEntries(newestTags([...tags.keys()], limits.tagsWatchedMax).map((tag) => [tag, tags.get(tag) ?? '']));
}

async function proposal(ports: RegistrationPorts, read: Read, problems: readonly Failure[]): Promise<Proposal> {
  const { project, repository, settings, tags } = read;
  const wheels = newestWheels(read.upstream);
  const requires = (settings['project'] as Settings | undefined)?.['requires-python'];
  const requiresPython = typeof requires === 'string' ? requires : null;
  const wishes = projectWishes(settings);
  const rows = await ports.catalogue.planRows();
  const pythons = new Map(rows.map(({ target, python }) => [target, python]));
  const expected = await expectations(ports.database, project);
  const held = problems.find(({ code }) => code === 'FARM_NAME_HELD');
  return {
    project, subdirectory: read.subdirectory,
    repository: repository && {
      fullName: repository.fullName, url: `${ports.githubUrl}/${repository.fullName}`, defaultBranch: repository.defaultBranch,
      private: repository.private, archived: repository.archived, parent: repository.parent, admin: repository.admin, who: read.who,
    },
    tags: [...newestTags(tags.names, tagsShown)], releases: read.releases.slice(0, tagsShown),
    targets: [...pythons.keys()].sort(compareTargets).map((target) => {
      const options = wishes.of(target);
      const skipped = options.ok ? options.value.skipped?.message ?? null : options.error.why;
      const refused = allowsPython(requiresPython, pythons.get(target) ?? '') ? skipped : `requires-python is ${requiresPython}`;
      return {
        target, proposed: refused === null, why: refused ?? '', onIndex: wheels.some((one) => targetAcceptsWheel(target, one)),
        expectedMs: expected.get(target)?.ms ?? null, expectedBytes: expected.get(target)?.bytes ?? null,
      };
    }),
    name: project === null ? { state: 'unknown', owner: null, evidence: 'no name yet' }
      : held ? { state: 'held', owner: /held by (.+?);/.exec(held.message)?.[1] ?? null, evidence: held.message }
        : { state: read.upstream ? 'ours' : 'free', owner: repository?.fullName ?? null, evidence: read.upstream ? `${project} on the index is of this repository` : 'no index has the name' },
    report: repository ? readinessOf({
      name: project, hasPyproject: read.hasPyproject, hasSetupPy: read.hasSetupPy,
      buildBackend: textAt(settings, 'build-system', 'build-backend'), requiresPython,
      dynamicVersion: ((settings['project'] as { dynamic?: unknown } | undefined)?.dynamic as string[] | undefined)?.includes?.('version') ?? false,
      hasCibuildwheel: cibuildwheelTable(settings) !== null, unsupported: unsupportedOptions(settings),
      versionTags: tags.names.filter(isVersionTag).length, tagsRead: tags.names.length, moreTags: tags.more, archived: repository.archived, private: repository.private,
      sdistUpstream: read.upstream ? read.upstream.files.some(({ filename }) => filename.endsWith('.tar.gz') || filename.endsWith('.zip')) : null,
    }).map((one) => ({ ...one })) : [],
    problems: problems.map((one) => ({ ...one })) as Proposal['problems'],
  };
}

function textAt(settings: Settings, table: string, key: string): string | null {
  const found = (settings[table] as Settings | undefined)?.[key];
  return typeof found === 'string' ? found : null;
}

/** Tags of the wheels of the newest version on the index. */
function newestWheels(upstream: UpstreamProject | null) {
  const parsed = (upstream?.files ?? []).flatMap(({ filename }) => {
    const wheel = filename.endsWith('.whl') ? parseWheelFilename(filename) : null;
    return wheel?.ok ? [wheel.value] : [];
  });
  const newest = newestTags(parsed.map(({ version }) => version), 1)[0];
  return parsed.filter(({ version }) => version === newest).map(({ tags }) => tags);
}

/** Mean time and size of what was really built: of the project where it has history, else of all. */
async function expectations({ prisma }: Database, project: string | null): Promise<ReadonlyMap<string, { ms: number; bytes: number | null }>> {
  const rows = await prisma.$queryRaw<{ target: string; own: boolean; ms: number; bytes: number | null }[]>`
    select a.target, r.project = ${project ?? ''} as own, avg(extract(epoch from a.ended_at - a.started_at) * 1000)::float8 as ms, avg(a.wheel_bytes)::float8 as bytes
    from attempt a join build b on b.id = a.build_id join plan p on p.sha256 = b.plan_sha256 join release r on r.id = p.release_id
    where a.state = 'succeeded' and a.reused_from is null and a.ended_at is not null group by 1, 2 order by 2`;
  return new Map(rows.map(({ target, ms, bytes }) => [target, { ms: Math.round(ms), bytes: bytes === null ? null : Math.round(bytes) }]));
}
