import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EditView } from '../../orchestrator/contract/edits.ts';
import { filePath } from '../../orchestrator/cli/result.ts';
import { buildAnimal, homeTarget } from '../support/build.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import type { Animal } from '../zoo/animals.ts';

/** Its table says everything, and its setup.py says its summary again whatever the table says. */
const kit: Animal = {
  name: 'zoo-post',
  files: {
    'pyproject.toml': [
      '[build-system]', 'requires = ["setuptools"]', 'build-backend = "setuptools.build_meta"', '[project]', 'name = "zoo-post"',
      'version = "1.0"', 'description = "A kit"', 'requires-python = ">=3.8"', '',
    ].join('\n'),
    'PKG-INFO': 'Metadata-Version: 2.1\nName: zoo-post\nVersion: 1.0\nSummary: A kit\nRequires-Python: >=3.8\n',
    'setup.py': [
      'from setuptools import Distribution, setup', '', 'class Own(Distribution):', '    def parse_config_files(self, *args, **more):',
      '        super().parse_config_files(*args, **more)', '        self.metadata.description = "A kit"', '', 'setup(distclass=Own)', '',
    ].join('\n'),
    'zoo_post/__init__.py': '',
  },
};
const scratch = mkdtempSync(join(tmpdir(), 'farm-post-'));
let farm: TestFarm;
let base: string;

beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
  base = ((await farm.status()).index ?? '').replace(/\/simple\/$/, '');
  const { build, cell } = await buildAnimal(farm, kit, { targets: [homeTarget] });
  expect(build.state, JSON.stringify(cell)).toBe('succeeded');
}, 5 * 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const post = (...more: string[]): Promise<Said> =>
  farm.farm(['edit', 'zoo-post==1.0', '--mode', 'post', '--why', 'a test', '--by', 'ann', '--yes', '--json', ...more]);
const viewOf = (said: Said): EditView => JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '') as EditView;
async function saved(sha256: string, filename: string): Promise<string> {
  const path = join(scratch, filename);
  writeFileSync(path, Buffer.from(await (await fetch(`${base}${filePath(sha256, filename)}`)).arrayBuffer()));
  return path;
}

describe('the patched sdist of a post-release', () => {
  it('is built once, in the sealed box, before anything is published; what comes out says what the wheels say', async () => {
    const said = await post('--set', 'Requires-Python: >=3.9');
    expect(said.code, said.stderr + said.stdout).toBe(0);
    expect(said.stdout).toContain(`The patched sdist was built once, for ${homeTarget}: its METADATA is that of the wheels.`);
    const view = viewOf(said);
    expect(view).toMatchObject({ state: 'published', toVersion: '1.0.post1', sdistBuilt: { state: 'equal', target: homeTarget, fields: [] } });
    const sdist = view.files.find(({ filename }) => filename.endsWith('.tar.gz'));
    expect(sdist?.filename).toBe('zoo_post-1.0.post1.tar.gz');
    const bundle = await (await fetch(`${base}${filePath(sdist!.sha256, sdist!.filename)}.sigstore.json`)).json() as { dsseEnvelope: { payload: string } };
    const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString('utf8')) as object;
    const { wheelSha256, metadataSha256, attemptId } = view.sdistBuilt!;
    expect(statement).toMatchObject({ predicate: { buildDefinition: { internalParameters: {
      sdistBuilt: { state: 'equal', target: homeTarget, wheelSha256, metadataSha256, attemptId } } } } });
    const verified = await farm.farm(['verify', await saved(sdist!.sha256, sdist!.filename), '--against', await saved(sdist!.originalSha256, sdist!.original)]);
    expect(verified.code, verified.stdout + verified.stderr).toBe(0);
    expect(verified.stdout).toContain(`built   once for ${homeTarget}: METADATA says the same`);
  }, 120_000);

  it('is not published without a yes to the fields in which its build says otherwise', async () => {
    const refused = await post('--set', 'Summary: Another kit');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('FARM_EDIT_SDIST_DIFFERS');
    expect(refused.stdout + refused.stderr).toContain('Summary: also A kit, not Another kit');
    const said = await post('--set', 'Summary: Another kit', '--accept-conflict');
    expect(said.code, said.stderr + said.stdout).toBe(0);
    expect(viewOf(said)).toMatchObject({ state: 'published', toVersion: '1.0.post2', acceptedConflict: true, sdistBuilt: { state: 'different', fields: ['Summary'] } });
  }, 120_000);
});
