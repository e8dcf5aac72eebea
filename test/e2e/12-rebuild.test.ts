import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from '../../orchestrator/cli/api-client.ts';
import type { HistoryEntry } from '../../orchestrator/contract/history.ts';
import { filePath } from '../../orchestrator/cli/result.ts';
import { apiOf, buildAnimal, homeTarget } from '../support/build.ts';
import { run } from '../support/clients-run.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import { animals, type Animal } from '../zoo/animals.ts';

const scratch = mkdtempSync(join(tmpdir(), 'farm-rebuild-'));
let farm: TestFarm;
let api: ApiClient;
let index: string;

/** Pure projects whose version is in no file: the back end asks for it. */
const versionless = (name: string, requires: string, backend: string, rest: string): Animal => ({
  name,
  files: {
    'pyproject.toml': `[build-system]\nrequires = ${requires}\nbuild-backend = "${backend}"\n\n[project]\nname = "${name}"\ndynamic = ["version"]\n\n${rest}`,
    'PKG-INFO': `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${name.replaceAll('-', '_')}/__init__.py`]: 'from importlib.metadata import version\n',
  },
});
const scm = versionless('zoo-scm', '["setuptools>=61", "setuptools-scm>=8"]', 'setuptools.build_meta', '[tool.setuptools_scm]\n');
const fixed: Animal = {
  name: 'zoo-fixed',
  files: {
    'pyproject.toml': '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "zoo-fixed"\nversion = "1.0"\n',
    'zoo_fixed/__init__.py': '',
  },
};
const vcs = versionless('zoo-vcs', '["hatchling", "hatch-vcs"]', 'hatchling.build', '[tool.hatch.version]\nsource = "vcs"\n');

beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
  api = await apiOf(farm);
  index = (await farm.status()).index ?? '';
}, 5 * 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const rebuild = (...argv: string[]): Promise<Said> => farm.farm(['rebuild', ...argv, '--why', 'a test', '--by', 'ann']);
async function filesOf(project: string): Promise<{ filename: string; hashes: { sha256: string } }[]> {
  const answer = await fetch(`${index}${project}/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
  return (await answer.json() as { files: { filename: string; hashes: { sha256: string } }[] }).files;
}

interface Provenance { predicate: { buildDefinition: { externalParameters: Record<string, unknown>; resolvedDependencies: { name: string }[] } } }

/** What the farm signed of a file's making, as its index serves it. */
async function provenanceOf(filename: string, sha256: string): Promise<Provenance> {
  const base = index.replace(/\/simple\/$/, '');
  const bundle = await (await fetch(`${base}${filePath(sha256, filename)}.sigstore.json`)).json() as { dsseEnvelope: { payload: string } };
  return JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString('utf8')) as Provenance;
}

describe('./farm rebuild', () => {
  it('builds a release again: the next build tag in name, WHEEL and provenance, who and why in its history', { timeout: 5 * 60_000 }, async () => {
    const { build } = await buildAnimal(farm, animals.pure, { targets: [homeTarget] });
    expect(build.state).toBe('succeeded');
    const said = await rebuild('zoo-pure==1.0');
    expect(said.code, said.stderr + said.stdout).toBe(0);
    const files = await filesOf('zoo-pure');
    const again = files.filter(({ filename }) => /^zoo_pure-1\.0-\d+-py3/.test(filename)).at(-1);
    expect(again, JSON.stringify(files)).toBeDefined();
    const path = join(scratch, again!.filename);
    const bytes = Buffer.from(await (await fetch(`${index.replace(/\/simple\/$/, '')}${filePath(again!.hashes.sha256, again!.filename)}`)).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(again!.hashes.sha256);
    writeFileSync(path, bytes);
    const tag = again!.filename.split('-')[2];
    expect((await run('unzip', ['-p', path, '*/WHEEL'])).output).toContain(`Build: ${tag}`);
    const { predicate } = await provenanceOf(again!.filename, again!.hashes.sha256);
    expect(predicate.buildDefinition.externalParameters).toMatchObject({ rebuild: { why: 'a test', requestedBy: 'ann', buildTag: Number(tag) } });
    const history = await api.get<HistoryEntry[]>('/history?what=zoo-pure==1.0');
    expect(history.find(({ kind }) => kind === 'rebuild')).toMatchObject({ by: 'ann', why: 'a test', files: [{ filename: again!.filename }] });
  });

  it.each([scm, vcs])('gives $name another version: sdist, wheel and provenance have it', { timeout: 6 * 60_000 }, async (animal) => {
    const { build, cell } = await buildAnimal(farm, animal);
    expect(build.state, JSON.stringify(cell)).toBe('succeeded');
    const said = await rebuild(`${animal.name}==1.0`, '--set-version', '1.0.1', '--targets', homeTarget);
    expect(said.code, said.stderr + said.stdout).toBe(0);
    const part = animal.name.replaceAll('-', '_');
    const files = await filesOf(animal.name);
    expect(files.map(({ filename }) => filename)).toEqual(expect.arrayContaining([`${part}-1.0.1.tar.gz`, expect.stringMatching(/-1\.0\.1-(py2\.)?py3-none-any\.whl$/)]));
    const wheel = files.find(({ filename }) => /-1\.0\.1-.*\.whl$/.test(filename))!;
    const { buildDefinition } = (await provenanceOf(wheel.filename, wheel.hashes.sha256)).predicate;
    expect(buildDefinition.externalParameters).toMatchObject({ version: '1.0.1', rebuild: { setVersion: '1.0.1', requestedBy: 'ann' } });
    expect(buildDefinition.resolvedDependencies.slice(0, 2).map(({ name }) => name)).toEqual([`${part}-1.0.1.tar.gz`, expect.stringMatching(/-1\.0\.tar\.gz$/)]);
  });

  it('says why a project that writes its version in a file cannot have another', { timeout: 5 * 60_000 }, async () => {
    expect((await buildAnimal(farm, fixed)).build.state).toBe('succeeded');
    const said = await rebuild('zoo-fixed==1.0', '--set-version', '3.0');
    expect(said.code).toBe(1);
    expect(said.stderr).toMatch(/FARM_REBUILD_VERSION|goes on saying 1\.0/);
  });
});
