import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildView, Problem, SourceView } from '../../orchestrator/contract/api.ts';
import { apiOf, homeTarget } from '../support/build.ts';
import { run } from '../support/clients-run.ts';
import { startFarm, type Said, type TestFarm } from '../support/farm.ts';
import { startGitServer, type GitRepository, type GitServer } from '../support/git-server.ts';

let server: GitServer;
let farm: TestFarm;
beforeAll(async () => {
  server = await startGitServer();
  farm = await startFarm({ env: { FARM_GITHUB_URL: server.url } });
}, 180_000);
afterAll(async () => {
  await farm?.stop();
  await server?.stop();
});

const build = (what: string): Promise<Said> => farm.farm(['build', what, '--targets', homeTarget, '--json']);
const last = (said: Said): { version: string; cells: { state: string }[] } =>
  JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '') as { version: string; cells: { state: string }[] };

/** The files of a released sdist, without what the release added to them. */
async function filesOf(name: string, version: string): Promise<Record<string, Buffer>> {
  const folder = mkdtempSync(join(tmpdir(), 'farm-real-'));
  const got = await run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', name, '-d', folder, `${name}==${version}`], { env: { PIP_CONFIG_FILE: '' } });
  const archive = readdirSync(folder).find((file) => file.endsWith('.tar.gz'));
  if (!archive) throw new Error(got.output);
  await run('tar', ['-xzf', join(folder, archive), '-C', folder]);
  const root = join(folder, archive.replace(/\.tar\.gz$/, ''));
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).filter((file) => !/PKG-INFO|egg-info/.test(file));
  return Object.fromEntries(names.map((file) => [file, readFileSync(join(root, file))]));
}

/** The history of a real project over two releases, with a submodule. */
async function realHistory(): Promise<{ repository: GitRepository; first: string; second: string }> {
  const data = await server.repository('acme/idna-data');
  await data.commit({ 'README': 'tables\n' });
  await data.push();
  const repository = await server.repository('acme/idna');
  const first = await repository.commit(await filesOf('idna', '3.9'), 'Release 3.9');
  await repository.git('tag', 'v3.9');
  await repository.git('submodule', '--quiet', 'add', '../idna-data.git', 'data').catch(async () =>
    repository.git('submodule', '--quiet', 'add', `${data.url}.git`, 'data'));
  await repository.commit({}, 'Add the tables');
  const second = await repository.commit(await filesOf('idna', '3.10'), 'Release 3.10');
  await repository.git('tag', '-a', 'v3.10', '-m', 'Release 3.10');
  await repository.push();
  return { repository, first, second };
}

/** Two projects in one repository; the version of the one comes from the tags. */
async function twoProjects(): Promise<GitRepository> {
  const repository = await server.repository('acme/two');
  await repository.commit({
    'alpha/pyproject.toml': [
      '[build-system]', 'requires = ["setuptools", "setuptools-scm"]', 'build-backend = "setuptools.build_meta"',
      '[project]', 'name = "zoo-alpha"', 'dynamic = ["version"]', '[tool.setuptools]', 'packages = ["zoo_alpha"]',
      '[tool.setuptools_scm]', 'root = ".."', 'tag_regex = "^alpha-(?P<version>.+)$"',
      'git_describe_command = "git describe --dirty --tags --long --match alpha-*"', ''].join('\n'),
    'alpha/zoo_alpha/__init__.py': 'ALPHA = 1\n',
    'beta/setup.py': 'from setuptools import setup\nsetup(name="zoo-beta", version="5.0", py_modules=["zoo_beta"])\n',
    'beta/zoo_beta.py': 'BETA = 1\n',
  });
  await repository.git('tag', 'alpha-2.1');
  await repository.git('tag', 'beta-5.1');
  await repository.push();
  return repository;
}

describe('a repository', () => {
  let idna: Awaited<ReturnType<typeof realHistory>>;

  it('is cloned with tags, history and submodules, and its tag becomes a release', async () => {
    idna = await realHistory();
    const said = await build('acme/idna@v3.9');
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(said.stderr).toContain(`refs/tags/v3.9 is at ${idna.first}`);
    expect(last(said)).toMatchObject({ version: '3.9', cells: [{ state: 'succeeded' }] });
    const newer = await build(`${idna.repository.url}.git@v3.10`);
    expect(newer.code, newer.stdout + newer.stderr).toBe(0);
    expect(last(newer).version).toBe('3.10');
  });

  it('says in the provenance which repository, ref and commit, and its submodules', async () => {
    const api = await apiOf(farm);
    const view = (await api.get<BuildView[]>('/builds')).find(({ version }) => version === '3.10');
    expect(view?.git).toEqual({ url: idna.repository.url, ref: 'refs/tags/v3.10', commit: idna.second, subdirectory: '' });
    const wheel = view?.published.find((name) => name.endsWith('.whl')) ?? '';
    const page = await (await fetch(`${view?.index}idna/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } })).json() as { files: { filename: string; provenance: string }[] };
    const address = page.files.find(({ filename }) => filename === wheel)?.provenance ?? '';
    const { attestation_bundles: bundles } = await (await fetch(address)).json() as { attestation_bundles: { attestations: { envelope: { statement: string } }[] }[] };
    const statements = bundles.flatMap(({ attestations }) => attestations.map(({ envelope }) => Buffer.from(envelope.statement, 'base64').toString()));
    const built = JSON.parse(statements.find((text) => text.includes('buildDefinition')) ?? '{}') as { predicate: { buildDefinition: { resolvedDependencies: object[]; externalParameters: object } } };
    expect(built.predicate.buildDefinition.externalParameters).toMatchObject({ repository: idna.repository.url, ref: 'refs/tags/v3.10', commit: idna.second });
    expect(built.predicate.buildDefinition.resolvedDependencies).toEqual(expect.arrayContaining([
      { name: 'repository', uri: `git+${idna.repository.url}@refs/tags/v3.10`, digest: { gitCommit: idna.second } },
      expect.objectContaining({ name: 'submodule data', digest: { gitCommit: expect.stringMatching(/^[0-9a-f]{40}$/) as string } }),
    ]));
  });

  it('is one sdist for a commit, however often it is asked for', async () => {
    const again = await build('acme/idna@v3.10');
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).not.toContain('making the sdist');
  });

  it('builds nothing from a tag that moved after its release, and says both commits', async () => {
    await idna.repository.git('tag', '-f', 'v3.9', idna.second);
    await idna.repository.push();
    const said = await build('acme/idna@v3.9');
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_TAG_MOVED');
    expect(said.stderr).toContain(idna.first);
    expect(said.stderr).toContain(idna.second);
  });

  it('keeps an alert of it until a person has seen to it', async () => {
    const open = async (): Promise<{ id: string; failure: { code: string } }[]> =>
      JSON.parse((await farm.farm(['alerts', '--json'])).stdout) as { id: string; failure: { code: string } }[];
    const [alert] = await open();
    expect(alert?.failure.code).toBe('FARM_TAG_MOVED');
    const listed = await farm.farm(['alerts']);
    expect(listed.stdout).toContain(`${alert?.id ?? ''}  `);
    const silent = await farm.farm(['alerts', '--acknowledge', alert?.id ?? '']);
    expect([silent.code === 0, silent.stderr]).toEqual([false, expect.stringContaining('--why')]);
    const seen = await farm.farm(['alerts', '--acknowledge', alert?.id ?? '', '--why', 'the tag was put back']);
    expect(seen.code, seen.stderr).toBe(0);
    expect(seen.stdout).toContain('the tag was put back');
    expect(await open()).toEqual([]);
    expect((await farm.farm(['alerts', '--all'])).stdout).toContain(alert?.id);
  });
});

describe('several projects in a repository', () => {
  it('are built by their folders, and git tells the backend the version', async () => {
    await twoProjects();
    const said = await build('acme/two@alpha-2.1#alpha');
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(last(said).version).toBe('2.1');
  });

  it('refuses a tag whose version is not what is built', async () => {
    const said = await build('acme/two@beta-5.1#beta');
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_TAG_VERSION');
    expect(said.stderr).toMatch(/says 5\.1.* says 5\.0/);
  });

  it('refuses a folder without a project', async () => {
    const said = await build('acme/two');
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_REPOSITORY_NO_PROJECT');
  });
});

describe('a repository that means harm', () => {
  const made = async (what: string): Promise<string | undefined> => {
    const api = await apiOf(farm);
    let source = await api.post<SourceView>('/sources/git', { what }).catch((error: { failure: Problem }) => ({ state: 'refused', failure: error.failure, id: '' }));
    const until = Date.now() + 60_000;
    while (source.state === 'making' && Date.now() < until) {
      await new Promise((resolve) => { setTimeout(resolve, 200); });
      source = await api.get<SourceView>(`/sources/${source.id}`);
    }
    return source.failure?.code;
  };

  it('reaches no address of its submodules that is not public, no file and no command', async () => {
    const repository = await server.repository('acme/harm');
    const harm = (url: string): string => `[submodule "x"]\n\tpath = x\n\turl = ${url}\n${url === '../b.git' ? '\tupdate = !touch pwned\n' : ''}`;
    const project = { 'setup.py': 'from setuptools import setup\nsetup(name="harm", version="1")\n' };
    for (const [branch, url] of [['file', 'file:///etc'], ['ext', 'ext::sh -c id'], ['inside', 'https://169.254.169.254/a'], ['local', 'http://localhost:1/a'], ['command', '../b.git']] as const) {
      await repository.git('checkout', '--quiet', '--orphan', branch);
      await repository.commit({ ...project, '.gitmodules': harm(url), [branch]: '' });
      // A submodule without its commit would be nothing to check out.
      await repository.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},x`);
      await repository.git('commit', '--quiet', '-m', 'harm');
    }
    await repository.push();
    for (const branch of ['file', 'ext', 'inside', 'local', 'command']) expect([branch, await made(`acme/harm@${branch}`)]).toEqual([branch, 'FARM_SUBMODULE_REFUSED']);
  });

  it('is refused where its name is an option or an address with a password', async () => {
    expect(await made('acme/harm@--upload-pack=x')).toBe('FARM_REPOSITORY_ADDRESS');
    expect(await made('https://user:secret@example.org/a')).toBe('FARM_REPOSITORY_ADDRESS');
    expect(await made('acme/none')).toBe('FARM_REPOSITORY_UNKNOWN');
    expect(await made('acme/harm@none')).toBe('FARM_REF_UNKNOWN');
  });
});
