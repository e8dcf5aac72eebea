import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EditPreview, EditView } from '../../orchestrator/contract/edits.ts';
import type { HistoryEntry } from '../../orchestrator/contract/history.ts';
import type { ApiClient } from '../../orchestrator/cli/api-client.ts';
import { farmNames } from '../../orchestrator/domain/statement.ts';
import { apiOf, buildAnimal } from '../support/build.ts';
import { clientVenv } from '../support/clients.ts';
import { freshVenv, run, type Ran } from '../support/clients-run.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import { animals } from '../zoo/animals.ts';

interface PageFile {
  readonly filename: string; readonly url: string; readonly size: number; readonly hashes: { sha256: string };
  readonly 'requires-python': string | null; readonly provenance: string | null;
}

const release = 'zoo-c-extension==1.0';
const bounds = 'Requires-Python: >=3.9,<3.15';
const scratch = mkdtempSync(join(tmpdir(), 'farm-edit-'));
let farm: TestFarm;
let api: ApiClient;
let index: string;
let pip: string;
/** The wheel as it was built, by its digest. */
let original: PageFile;

beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
  api = await apiOf(farm);
  index = (await farm.status()).index ?? '';
  for (const animal of [animals.cExtension, animals.pure]) {
    const { build, cell } = await buildAnimal(farm, animal);
    expect(build.state, JSON.stringify(cell)).toBe('succeeded');
  }
  original = await wheelNamed(/^zoo_c_extension-1\.0-cp311-/);
  pip = join(await freshVenv(join(scratch, 'venv')), 'pip');
}, 5 * 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function filesOf(project: string): Promise<readonly PageFile[]> {
  const answer = await fetch(`${index}${project}/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
  return (await answer.json() as { files: PageFile[] }).files;
}
async function wheelNamed(pattern: RegExp): Promise<PageFile> {
  const files = await filesOf('zoo-c-extension');
  const found = files.find(({ filename }) => pattern.test(filename));
  if (!found) throw new Error(`no ${String(pattern)} among ${files.map(({ filename }) => filename).join(' ')}`);
  return found;
}
const urlOf = (file: PageFile): string => new URL(file.url, `${index}zoo-c-extension/`).href;
async function saved(file: PageFile): Promise<string> {
  const path = join(scratch, file.filename);
  writeFileSync(path, Buffer.from(await (await fetch(urlOf(file))).arrayBuffer()));
  return path;
}
const edit = (...more: string[]): Promise<Said> =>
  farm.farm(['edit', release, '--why', 'the bound was wrong', '--by', 'a test', ...more]);
const download = (folder: string, ...what: string[]): Promise<Ran> => run(pip, [
  'download', '--no-cache-dir', '--no-deps', '--only-binary', ':all:', '-d', join(scratch, folder), '--index-url', index, ...what]);
const named = (file: { filename: string }): string => file.filename;
const lastLine = (said: Said): EditView => JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '') as EditView;

async function partPid(name: string): Promise<number> {
  const part = (await farm.status()).parts.find((one) => one.name === name);
  return part?.pid ?? expect.unreachable(`${name} has no process`);
}

/** Starts an edit through the API: the preview, where asked for the judgement of resolvers, then its confirmation. */
async function start(set: readonly string[], { judged = false, ...more }: { judged?: boolean } = {}): Promise<EditView> {
  const request = { what: release, mode: 'respin', set, remove: [], bound: [] };
  if (judged) await api.post('/edits/check', request);
  const { basis } = await api.post<EditPreview>('/edits/preview', request);
  return api.post<EditView>('/edits', { ...request, basis, why: 'a test', by: 'a test', ...more });
}
async function ended(id: string, msMax = 60_000): Promise<EditView> {
  for (const began = Date.now(); ; await sleep(100)) {
    const view = await api.get<EditView>(`/edits/${id}`).catch(() => null);
    if (view && view.state !== 'running') return view;
    if (Date.now() - began > msMax) throw new Error(`edit ${id} has not ended: ${JSON.stringify(view)}`);
  }
}

describe('./farm edit', () => {
  it('shows what would be, and writes nothing without a yes', async () => {
    const before = await filesOf('zoo-c-extension');
    const said = await edit('--set', bounds);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_EDIT_NOT_CONFIRMED');
    expect(said.stdout).toContain('+ Requires-Python: >=3.9,<3.15');
    expect(said.stdout).toMatch(/yes {2}zoo-c-extension==1\.0 /);
    expect(said.stdout).toMatch(/no {3}pip with --require-hashes/);
    expect(said.stdout).toMatch(/zoo_c_extension-1\.0-1-cp311\S+ {2}\d+ kB, of which \d+(\.\d+)? kB are new/);
    expect(await filesOf('zoo-c-extension')).toEqual(before);
    expect(await api.get<EditView[]>('/edits')).toEqual([]);
  });

  it.each([
    [['--set', 'Version: 2.0'], 'FARM_EDIT_FIELD'],
    [['--set', 'Requires-Python: three'], 'FARM_EDIT_VALUE'],
    [['--remove', 'Requires-Dist: numpy'], 'FARM_EDIT_NOTHING'],
    [['--set', bounds, '--mode', 'other'], 'FARM_EDIT_MODE'],
    [['--set', 'Requires-Dist: zoo-pure>=1'], 'FARM_EDIT_APPROVAL'],
  ])('refuses %j by name', async (what, code) => {
    const said = await edit(...what, '--yes');
    expect(said.code).toBe(1);
    expect(said.stderr).toContain(code);
  });

  it('delivers new files in one transaction and keeps the old ones', async () => {
    const before = await filesOf('zoo-c-extension');
    const said = await edit('--set', bounds, '--yes', '--json');
    expect(said.code, said.stderr).toBe(0);
    const view = lastLine(said);
    expect(view).toMatchObject({ state: 'published', buildTag: 1, requestedBy: 'a test', why: 'the bound was wrong' });
    const after = await filesOf('zoo-c-extension');
    expect(after.filter((file) => before.some(({ filename }) => filename === file.filename))).toEqual(before);
    const fresh = await wheelNamed(/^zoo_c_extension-1\.0-1-cp311-/);
    expect(after.length).toBe(before.length + 1);
    expect(fresh['requires-python']).toBe('>=3.9,<3.15');
    expect(fresh.hashes.sha256).toBe(view.files[0]?.sha256);
    expect(view.files[0]?.storedBytes).toBeLessThan(20_000);
  });

  it('is what a stock pip installs; a hash lock keeps the old file', async () => {
    const fresh = await wheelNamed(/^zoo_c_extension-1\.0-1-/);
    const got = await download('new', release);
    expect(readdirSync(join(scratch, 'new')), got.output).toEqual([fresh.filename]);
    const installed = await run(pip, ['install', '--no-cache-dir', '--index-url', index, release]);
    expect(installed.code, installed.output).toBe(0);
    const works = await run(join(pip, '../python'), ['-c',
      'import zoo_c_extension, importlib.metadata as m; print(m.metadata("zoo-c-extension")["Requires-Python"])']);
    expect(works.output).toContain('>=3.9,<3.15');
    expect((await run(pip, ['check'])).code).toBe(0);
    const lock = join(scratch, 'lock.txt');
    writeFileSync(lock, `${release} --hash=sha256:${original.hashes.sha256}\n`);
    const locked = await download('old', '--require-hashes', '-r', lock);
    expect(readdirSync(join(scratch, 'old')), locked.output).toEqual([original.filename]);
  });

  it('serves ranges of a wheel that is stored nowhere whole', async () => {
    const fresh = await wheelNamed(/^zoo_c_extension-1\.0-1-/);
    const whole = readFileSync(await saved(fresh));
    expect(whole.length).toBe(fresh.size);
    // Where the payload ends and the tail begins lies in the middle one.
    for (const [from, to] of [[0, 9], [100, whole.length - 100], [whole.length - 22, whole.length - 1]] as const) {
      const part = await fetch(urlOf(fresh), { headers: { range: `bytes=${from}-${to}` } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(from, to + 1))).toBe(true);
    }
  });

  it('proves that only the metadata changed, and refuses a forgery', async () => {
    const [file, old] = [await saved(await wheelNamed(/^zoo_c_extension-1\.0-1-/)), await saved(original)];
    const said = await farm.farm(['verify', file, '--against', old]);
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(said.stdout).toContain('edited  by a test: the bound was wrong');
    expect(said.stdout).toContain('+ Requires-Python: >=3.9,<3.15');
    expect(said.stdout).toMatch(/same {4}\d+ members, byte for byte/);
    const checker = await run('python3', [join(import.meta.dirname, '../../docs/check-respin.py'), file, old]);
    expect(checker.code, checker.output).toBe(0);
    const [pure] = (await filesOf('zoo-pure')).filter(({ filename }) => filename.endsWith('.whl'));
    const other = join(scratch, pure?.filename ?? '');
    writeFileSync(other, Buffer.from(await (await fetch(new URL(pure?.url ?? '', `${index}zoo-pure/`))).arrayBuffer()));
    const against = await farm.farm(['verify', file, '--against', other]);
    expect(against.code).toBe(1);
    expect(against.stdout).toContain('made of another file');
    const forged = readFileSync(file);
    forged[60]! ^= 1;
    writeFileSync(file, forged);
    writeFileSync(`${file}.sigstore.json`, await (await fetch(`${urlOf(await wheelNamed(/^zoo_c_extension-1\.0-1-/))}.sigstore.json`)).text());
    const broken = await farm.farm(['verify', file, '--against', old]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain('REFUSED');
  });

  it('is signed so that stock sigstore accepts it, with both attestations in the index', async () => {
    const client = await clientVenv('sigstore', ['sigstore==4.5.1']);
    const { identity, issuer } = farmNames(farm.kept().identity.farmId);
    const fresh = await wheelNamed(/^zoo_c_extension-1\.0-1-/);
    const file = await saved(fresh);
    const trust = join(scratch, 'trust_config.json');
    writeFileSync(trust, await (await fetch(`${index.replace('/simple/', '')}/.well-known/wheelfarm/trust_config.json`)).text());
    for (const kind of ['publish', 'provenance']) {
      writeFileSync(`${file}.sigstore.json`, await (await fetch(`${urlOf(fresh)}.${kind}.sigstore.json`)).text());
      const said = await run(join(client, 'python'), ['-m', 'sigstore', '--trust-config', trust, 'verify', 'identity', '--offline',
        '--bundle', `${file}.sigstore.json`, '--cert-identity', identity, '--cert-oidc-issuer', issuer, file]);
      expect(said.code, `${kind}: ${said.output}`).toBe(0);
    }
    const object = await (await fetch(fresh.provenance ?? '')).json() as { attestation_bundles: { attestations: unknown[] }[] };
    expect(object.attestation_bundles[0]?.attestations.length).toBe(2);
  });

  it('edits what was edited, and records who approved an added dependency', async () => {
    const said = await edit('--set', 'Requires-Dist: zoo-pure>=1', '--approve-added', release, '--yes', '--json');
    expect(said.code, said.stderr).toBe(0);
    const view = lastLine(said);
    expect(view.approvals.map(({ kind, self, by }) => ({ kind, self, by }))).toEqual([
      { kind: 'edit', self: true, by: 'a test' }, { kind: 'added-dependency', self: true, by: 'a test' }]);
    expect(view.files[0]?.original).toMatch(/^zoo_c_extension-1\.0-1-/);
    const [fresh, before] = [await wheelNamed(/^zoo_c_extension-1\.0-2-/), await wheelNamed(/^zoo_c_extension-1\.0-1-/)];
    rmSync(join(scratch, `${fresh.filename}.sigstore.json`), { force: true });
    expect(fresh['requires-python']).toBe('>=3.9,<3.15');
    const verified = await farm.farm(['verify', await saved(fresh), '--against', await saved(before)]);
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.stdout).toContain('a test approved the added dependency of their own edit');
  });
});

describe('an edit that does not come to its end', () => {
  it.each([{ judged: false }, { judged: true }])('leaves the release as it was when it is cancelled, $judged', async (how) => {
    const before = await filesOf('zoo-c-extension');
    const control = await partPid('control');
    process.kill(control, 'SIGSTOP');
    let id: string;
    try {
      ({ id } = await start(['Summary: never seen'], how));
      await expect(start(['Summary: another'])).rejects.toMatchObject({ failure: { code: 'FARM_EDIT_RUNNING' } });
      await api.post(`/edits/${id}/cancel`, { by: 'a test' });
    } finally {
      process.kill(control, 'SIGCONT');
    }
    const view = await ended(id);
    expect({ state: view.state, files: view.files }).toEqual({ state: 'cancelled', files: [] });
    expect(await filesOf('zoo-c-extension')).toEqual(before);
  });

  it.each([{ judged: false }, { judged: true }])('is delivered once, whole, after the orchestrator was killed, $judged', async (how) => {
    const before = await filesOf('zoo-c-extension');
    const { id, buildTag } = await start([`Summary: after a crash ${String(how.judged)}`], how);
    process.kill(await partPid('control'), 'SIGKILL');
    const view = await ended(id, 120_000);
    expect(view.state, JSON.stringify(view.failure)).toBe('published');
    const fresh = (await filesOf('zoo-c-extension')).filter((file) => !before.some(({ filename }) => filename === file.filename));
    expect(fresh.map(named)).toEqual([expect.stringMatching(new RegExp(`-1\\.0-${buildTag}-cp311`))]);
  }, 180_000);

  it('is refused where the release has other files than its preview showed', async () => {
    const request = { what: release, mode: 'respin', set: ['Summary: late'], remove: [], bound: [], why: 'a test', by: 'a test' };
    await expect(api.post('/edits', { ...request, basis: '0'.repeat(64) })).rejects.toMatchObject({ failure: { code: 'FARM_EDIT_STALE' } });
  });
});

describe('the commands beside it', () => {
  const commanded = {
    name: 'zoo-commanded',
    files: {
      'pyproject.toml': '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "zoo-commanded"\nversion = "1.0"\n',
      'zoo_commanded/__init__.py': '',
    },
  };
  const history = async (project: string): Promise<HistoryEntry[]> =>
    (await farm.farm(['history', project, '--json'])).stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as HistoryEntry);

  it('take an edit back by another one, and tell the history of both', async () => {
    const bound = async (said: Said): Promise<string | null> =>
      (await wheelNamed(new RegExp(`^zoo_c_extension-1\\.0-${lastLine(said).buildTag}-`)))['requires-python'];
    const made = await edit('--set', 'Requires-Python: >=3.10', '--yes', '--json');
    expect(made.code, made.stderr).toBe(0);
    expect(await bound(made)).toBe('>=3.10');
    const { id } = lastLine(made);
    const undone = await farm.farm(['edit', '--undo', id, '--why', 'it was right before', '--by', 'a test', '--yes', '--json']);
    expect(undone.code, undone.stderr).toBe(0);
    expect(await bound(undone)).toBe('>=3.9,<3.15');
    const told = await history('zoo-c-extension');
    expect(told.map(({ kind, by, why }) => [kind, by, why])).toEqual(expect.arrayContaining([
      ['edit', 'a test', 'the bound was wrong'], ['edit', 'a test', `it was right before (undoes ${id})`],
    ]));
    const words = await farm.farm(['history', release, '--files']);
    expect(words.stdout).toContain(original.hashes.sha256);
  });

  it('edit every release that a selector names', async () => {
    // Its own: what is built later of an edited project gets the edit too, and other files of tests share this farm.
    const { build } = await buildAnimal(farm, commanded);
    expect(build.state).toBe('succeeded');
    const said = await farm.farm(['edit', 'zoo-commanded<9', '--bound', 'Requires-Python: <3.16', '--why', 'a bound', '--by', 'a test', '--yes', '--json']);
    expect(said.code, said.stderr).toBe(0);
    expect(lastLine(said)).toMatchObject({ project: 'zoo-commanded', version: '1.0', state: 'published' });
    expect((await filesOf('zoo-commanded')).map((file) => file['requires-python'])).toContain('<3.16');
  });

  it('yank a release with a reason, and take that back', async () => {
    const yanked = async (): Promise<unknown[]> => [...new Set((await filesOf('zoo-commanded')).map((file) => (file as { yanked?: unknown }).yanked))];
    const said = await farm.farm(['yank', 'zoo-commanded==1.0', '--why', 'it has no bound', '--by', 'a test']);
    expect([said.code, await yanked()]).toEqual([0, ['it has no bound']]);
    expect((await farm.farm(['yank', 'zoo-commanded==1.0', '--why', 'it has one now', '--by', 'a test', '--undo'])).code).toBe(0);
    expect(await yanked()).not.toContain('it has no bound');
  });

  it('import a release of the index upstream, so that it can be edited', async () => {
    const said = await farm.farm(['import', 'iniconfig==2.0.0', '--by', 'a test', '--json']);
    expect(said.code, said.stderr).toBe(0);
    const edited = await farm.farm(['edit', 'iniconfig==2.0.0', '--set', 'Requires-Python: >=3.8', '--why', 'a test', '--by', 'a test', '--yes', '--json']);
    expect(edited.code, edited.stderr).toBe(0);
    expect((await filesOf('iniconfig')).map(named)).toEqual(expect.arrayContaining([
      'iniconfig-2.0.0.tar.gz', 'iniconfig-2.0.0-py3-none-any.whl', 'iniconfig-2.0.0-1-py3-none-any.whl',
    ]));
    expect((await history('iniconfig')).map(({ kind }) => kind).sort()).toEqual(['edit', 'import']);
  });
});
