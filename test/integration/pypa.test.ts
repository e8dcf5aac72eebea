/** An image laid out as upstream's: dressed by the farm, and MarkupSafe built, repaired and tested in it as `native`. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { unpackRoot } from '../../images/bootstrap.ts';
import { loadImage } from '../../images/load.ts';
import { ensureImages } from '../../images/make.ts';
import { rowsOf } from '../../images/recipes.ts';
import type { Recipe } from '../../images/types.ts';
import { reasonOf } from '../../images/upstream.ts';
import { inProcess, type InProcess, type Row } from '../bench/cell/in-process.ts';
import { fetchSdist } from '../bench/cell/sdist.ts';

const docker = new Docker();
const folder = mkdtempSync(join(tmpdir(), 'farm-pypa-'));
const name = 'pypa-manylinux2014_x86_64';
const reference = `wheelfarm-test/upstream:${process.pid}`;
const target = 'cp311-manylinux_x86_64';
let farm: InProcess;

/** What an upstream image has, of Debian: an interpreter below /opt/python and a compiler. */
const layout: Recipe = {
  name: 'upstream-layout', family: 'test', suite: 'bookworm', python: '3.11', architecture: 'x86_64', files: [],
  packages: ['base-files', 'bash', 'coreutils', 'dash', 'sed', 'grep', 'tar', 'gzip', 'python3', 'python3-dev', 'python3-venv', 'python3-pip', 'gcc', 'libc6-dev'],
  expect: { seconds: 60, bytes: 400_000_000 },
};
const inDocker = (...words: string[]): string => execFileSync('docker', words, { encoding: 'utf8', maxBuffer: 1 << 26 }).trim();

beforeAll(async () => {
  const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm', 'wheels');
  if (existsSync(cached)) cpSync(cached, join(folder, 'wheels'), { recursive: true });
  mkdirSync(join(folder, 'layout'));
  const { tarPath } = await unpackRoot(layout, join(folder, 'layout'), docker, { cacheFolder: folder }, () => undefined);
  const raw = inDocker('import', tarPath);
  const opt = '/opt/python/cp311-cp311/bin';
  const container = inDocker('create', raw, 'sh', '-c', `mkdir -p ${opt} && ln -s /usr/bin/python3.11 ${opt}/python && rm /usr/bin/python3`);
  inDocker('start', '-a', container);
  inDocker('commit', '-c', `ENV PATH=${opt}:/usr/local/bin:/usr/bin:/bin`, container, reference);
  inDocker('rm', container);
  const [record] = await ensureImages({ names: [name], cacheFolder: folder, docker, from: { [name]: reference } });
  await loadImage(record!, docker);
  farm = await inProcess({ folder: join(folder, 'farm'), images: join(folder, 'images') });
}, 10 * 60_000);

afterAll(async () => {
  await farm?.close();
  for (const image of inDocker('images', '-q', '--filter', `reference=wheelfarm/${name}`, '--filter', `reference=${reference}`).split('\n')) {
    if (image) inDocker('rmi', '--force', image);
  }
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

it('builds in the image\'s own interpreter with the image\'s own compiler, and tests there', { timeout: 5 * 60_000 }, async () => {
  const row = rowsOf(name).find((one) => one.target === target) as unknown as Row;
  expect(row).toMatchObject({ interpreter: '/opt/python/cp311-cp311/bin/python', build: 'native', test: 'native' });
  const sdist = await fetchSdist('markupsafe', '3.0.2', folder);
  const built = await farm.build(row, sdist);
  expect(built.outcome).toMatchObject({ state: 'succeeded', audit: { platformTag: expect.stringContaining('manylinux_2_17_x86_64') as string } });
  expect((built.outcome as { compilerCalls: number }).compilerCalls).toBeGreaterThan(0);
  const tested = await farm.test(row, sdist, built.wheel!);
  expect(tested.outcome).toMatchObject({ tested: 'passed', how: expect.stringContaining('pip install --no-index') as string });
});

it('names an image that cannot be pulled, and what the registry said', async () => {
  const from = { 'pypa-musllinux_1_2_x86_64': '127.0.0.1:1/pypa/musllinux_1_2_x86_64:none' };
  await expect(ensureImages({ names: Object.keys(from), cacheFolder: folder, docker, from }))
    .rejects.toThrow(/the upstream image 127\.0\.0\.1:1\/pypa\/musllinux_1_2_x86_64:none cannot be pulled: .*127\.0\.0\.1:1/);
  expect(reasonOf(new Error('(HTTP code 500) server error - Get "x": no such host \n'))).toBe('Get "x": no such host');
});
