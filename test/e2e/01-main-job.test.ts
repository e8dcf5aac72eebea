import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import type { AttemptView, BuildView } from '../../orchestrator/contract/api.ts';
import { farmNames } from '../../orchestrator/domain/statement.ts';
import { clientVenv } from '../support/clients.ts';
import { freshVenv, run } from '../support/clients-run.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';

interface Result {
  readonly project: string; readonly version: string; readonly index: string;
  readonly cells: readonly { target: string; state: string; tested: string | null; wheel: string | null; failure: unknown }[];
}

const scratch = mkdtempSync(join(tmpdir(), 'farm-main-job-'));
let farm: TestFarm;
let said: Said;
let result: Result;

beforeAll(async () => {
  farm = sharedFarm();
  said = await farm.farm(['build', 'markupsafe==3.0.2', '--json']);
  result = JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '{}') as Result;
}, 15 * 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const api = async <T>(path: string): Promise<T> => {
  const { api: base } = await farm.status();
  return await (await fetch(`${base}${path}`, { headers: { authorization: `Bearer ${farm.kept().secrets.apiToken}` } })).json() as T;
};
const fetchText = async (url: string): Promise<string> => (await fetch(url)).text();

interface Page { readonly files: readonly { filename: string; url: string; hashes: { sha256: string }; provenance?: string }[] }
const page = async (): Promise<Page> => await (await fetch(`${result.index}markupsafe/`, {
  headers: { accept: 'application/vnd.pypi.simple.v1+json' },
})).json() as Page;

describe('./farm build markupsafe==3.0.2', () => {
  it('builds, tests and publishes all eight cells', () => {
    expect(said.code, said.stdout + said.stderr).toBe(0);
    const seen = Object.fromEntries(result.cells.map((cell) => [cell.target, `${cell.state} ${cell.tested}`]));
    expect(seen).toEqual({
      'cp311-manylinux_aarch64': 'succeeded passed', 'cp311-manylinux_armv7l': 'succeeded passed',
      'cp311-manylinux_x86_64': 'succeeded passed', 'cp311-musllinux_x86_64': 'succeeded passed',
      'cp313-manylinux_aarch64': 'succeeded passed', 'cp313-manylinux_armv7l': 'succeeded passed',
      'cp313-manylinux_x86_64': 'succeeded passed', 'cp313-musllinux_x86_64': 'succeeded passed',
    });
  });

  it('names wheels as the field does', () => {
    expect(result.cells.map((cell) => cell.wheel)).toEqual(expect.arrayContaining([
      'markupsafe-3.0.2-cp311-cp311-manylinux2014_armv7l.manylinux_2_17_armv7l.whl',
      'markupsafe-3.0.2-cp313-cp313-musllinux_1_2_x86_64.whl',
    ].map((name) => expect.stringMatching(new RegExp(name.replace(/manylinux2014_armv7l\.manylinux_2_17_armv7l/, '.*manylinux_2_17_armv7l.*').replaceAll('+', '\\+'))) as string)));
  });

  it('prints coverage beside upstream and lines that install', () => {
    expect(said.stdout).toMatch(/Coverage: upstream \d+ wheels, farm 8/);
    expect(said.stdout).toContain(`--index-url ${result.index} markupsafe==3.0.2`);
  });

  it('builds nothing when the plan is unchanged', async () => {
    const again = await farm.farm(['build', 'markupsafe==3.0.2']);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('nothing to build');
    const builds = await api<BuildView[]>('/builds?limit=50');
    expect(builds.filter((build) => build.project === 'markupsafe').length).toBe(1);
  });

  it('shows the plan with what earlier builds took', async () => {
    const plan = await farm.farm(['plan', 'markupsafe==3.0.2', '--targets', 'cp313-*']);
    expect(plan.stdout).toMatch(/cp313-manylinux_aarch64\s+required.*cross-debian-trixie@.* cross, test qemu, glibc 2\.17; about \d/);
  });

  it('keeps log, lock and step times of each attempt', async () => {
    const [build] = await api<BuildView[]>('/builds?limit=1');
    const cell = build?.cells.find(({ target }) => target === 'cp313-manylinux_aarch64');
    const attempt = await api<AttemptView>(`/attempts/${cell?.attemptId}`);
    expect(attempt.lock.map(({ name }) => name)).toContain('setuptools');
    expect(new Set(attempt.steps.map(({ step }) => step))).toEqual(new Set(['fetch', 'requires', 'build', 'repair', 'audit', 'test']));
    const log = await farm.farm(['logs', 'cp313-manylinux_aarch64', '--build', build?.id ?? '']);
    expect(log.stdout).toContain('_speedups.c');
  });
});

describe('the wheels', () => {
  let bin: string;
  const downloads = join(scratch, 'downloads');

  beforeAll(async () => {
    bin = await freshVenv(join(scratch, 'venv'));
    const got = await run(join(bin, 'pip'), ['install', '--no-cache-dir', '--index-url', result.index, 'markupsafe==3.0.2']);
    expect(got.code, got.output).toBe(0);
    for (const target of ['cp311', 'cp313']) {
      for (const platform of ['manylinux_2_17_x86_64', 'manylinux_2_17_aarch64', 'manylinux_2_17_armv7l', 'musllinux_1_2_x86_64']) {
        const one = await run(join(bin, 'pip'), ['download', '--no-cache-dir', '--no-deps', '-d', downloads, '--index-url', result.index,
          '--only-binary', ':all:', '--platform', platform, '--python-version', target.slice(2, 3) + '.' + target.slice(3), '--abi', target, 'markupsafe==3.0.2']);
        expect(one.code, one.output).toBe(0);
      }
    }
  }, 5 * 60_000);

  it('install with pip and work', async () => {
    const works = await run(join(bin, 'python'), ['-c', 'import markupsafe, markupsafe._speedups as s; print(markupsafe.escape("<b>"), s.__file__)']);
    expect(works.output).toContain('&lt;b&gt;');
    expect(works.output).toContain('.so');
  });

  it('come with the sdist of the upstream index, byte for byte', async () => {
    const got = await run(join(bin, 'pip'), ['download', '--no-cache-dir', '--no-deps', '-d', join(scratch, 'sdist'),
      '--index-url', result.index, '--no-binary', 'markupsafe', 'markupsafe==3.0.2']);
    expect(readdirSync(join(scratch, 'sdist')), got.output).toEqual(['markupsafe-3.0.2.tar.gz']);
    const ours = (await page()).files.find(({ filename }) => filename === 'markupsafe-3.0.2.tar.gz');
    expect(ours?.hashes.sha256).toBe('ee55d3edf80167e48ea11a923c7386f4669df67d7994554387f84e7d8b0a2bf0');
  });

  it('carry an SBOM that its schema accepts', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    for (const wheel of readdirSync(downloads)) {
      const sbom = await run('python3', ['-c',
        'import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(z.read([n for n in z.namelist() if n.endswith("sboms/farm.cdx.json")][0]).decode())',
        join(downloads, wheel)]);
      expect(await validator.validate(sbom.output), wheel).toBeNull();
      expect(sbom.output).toContain('pkg:pypi/setuptools@');
    }
  });

  it('are verified by stock sigstore, and refused after one flipped byte', async () => {
    const client = await clientVenv('sigstore', ['sigstore==4.5.1']);
    const { identity, issuer } = farmNames(farm.kept().identity.farmId);
    const base = result.index.replace('/simple/', '');
    const trust = join(scratch, 'trust_config.json');
    writeFileSync(trust, await fetchText(`${base}/.well-known/wheelfarm/trust_config.json`));
    const verify = (file: string) => run(join(client, 'python'), ['-m', 'sigstore', '--trust-config', trust, 'verify', 'identity', '--offline',
      '--bundle', `${file}.sigstore.json`, '--cert-identity', identity, '--cert-oidc-issuer', issuer, file]);
    const files = (await page()).files;
    expect(files.length).toBe(9);
    for (const { filename, url } of files) {
      const file = join(scratch, filename);
      const at = new URL(url, `${result.index}markupsafe/`);
      writeFileSync(file, Buffer.from(await (await fetch(at)).arrayBuffer()));
      writeFileSync(`${file}.sigstore.json`, await fetchText(`${at.href}.sigstore.json`));
      const good = await verify(file);
      expect(good.code, `${filename}: ${good.output}`).toBe(0);
    }
    const file = join(scratch, files[0]?.filename ?? '');
    const bytes = readFileSync(file);
    bytes[100]! ^= 1;
    writeFileSync(file, bytes);
    expect((await verify(file)).code).not.toBe(0);
    const ours = await farm.farm(['verify', file]);
    expect(ours.code).toBe(1);
    expect(ours.stdout).toContain('REFUSED');
  });

  it('have a provenance object in the index', async () => {
    const { files } = await page();
    for (const file of files.filter(({ filename }) => filename.endsWith('.whl'))) {
      const object = await (await fetch(file.provenance ?? '')).json() as { version: number; attestation_bundles: { publisher: { kind: string }; attestations: unknown[] }[] };
      expect(object.version).toBe(1);
      expect(object.attestation_bundles[0]?.attestations.length).toBe(2);
    }
  });
});
