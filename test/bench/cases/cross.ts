import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { ensureBinfmt } from '../../../images/binfmt.ts';
import { unpackRoot } from '../../../images/bootstrap.ts';
import { loadImage } from '../../../images/load.ts';
import type { ImageRecord, Recipe } from '../../../images/types.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { catalogueRows, inProcess, type InProcess, type Row, type Sdist, type Went } from '../cell/in-process.ts';
import { fetchSdist } from '../cell/sdist.ts';
import { atLeast, atMost, measure, ratios } from '../measure.ts';

const execute = promisify(execFile);
/** Where the hook under qemu builds, in its container. */
const buildFolder = '/build';

/** What the same build needs where nothing is crossed: the target's own Python, its headers and a compiler. */
const emulated: Recipe = {
  name: 'bench-debian-bookworm-arm64', family: 'bench', suite: 'bookworm', python: '3.11', architecture: 'aarch64',
  packages: ['base-files', 'bash', 'coreutils', 'dash', 'sed', 'grep', 'tar', 'gzip', 'findutils', 'python3',
    'python3-dev', 'python3-distutils', 'gcc', 'libc6-dev'],
  files: [], expect: { seconds: 120, bytes: 400_000_000 },
};

export const cross: BenchCase = {
  name: 'cross',
  compares: 'The build step of MarkupSafe for aarch64, crossed, against the same build hook under qemu and against '
    + 'the x86_64 cell.',
  run: crossed,
};

async function crossed({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  let farm: InProcess | null = null;
  try {
    const sdist = await fetchSdist('markupsafe', '3.0.2', folder);
    const rows = await catalogueRows();
    const rowOf = (target: string): Row => rows.find((row) => row.target === target) as Row;
    const [aarch64, x86] = [rowOf('cp311-manylinux_aarch64'), rowOf('cp311-manylinux_x86_64')];
    const image = await emulatedImage(say);
    farm = await inProcess({ folder });
    // The first of each warms page caches, and fetches.
    await farm.build(x86, sdist);
    const site = await backendFolder(folder);
    await underQemu(image, sdist, site);
    const seen: { cross: Went; native: Went; qemuMs: number }[] = [];
    for (let at = 0; at < (short ? 1 : 5); at += 1) {
      const [built, native] = [await farm.build(aarch64, sdist), await farm.build(x86, sdist)];
      seen.push({ cross: built, native, qemuMs: await underQemu(image, sdist, site) });
      say(`crossed ${built.steps['build']} ms, native ${native.steps['build']} ms, qemu `
        + `${Math.round(seen.at(-1)?.qemuMs ?? 0)} ms`);
    }
    return judged(seen);
  } finally {
    await farm?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function judged(seen: readonly { cross: Went; native: Went; qemuMs: number }[]): CaseResult {
  const step = (went: Went): number => went.steps['build'] ?? Number.NaN;
  const [crossMs, nativeMs, qemuMs] = [seen.map((one) => step(one.cross)), seen.map((one) => step(one.native)),
    seen.map((one) => one.qemuMs)];
  return {
    measures: [
      measure('build step: qemu over crossed', 'ratio', ratios(qemuMs, crossMs), atLeast(5)),
      measure('build step: crossed over native', 'ratio', ratios(crossMs, nativeMs), atMost(1.3)),
      measure('whole activity, fetch to audit: crossed over native', 'ratio',
        ratios(seen.map((one) => one.cross.wallMs), seen.map((one) => one.native.wallMs))),
      measure('build step, crossed', 'ms', crossMs),
      measure('build step, native', 'ms', nativeMs),
      measure('build hook under qemu', 'ms', qemuMs),
    ],
    notes: [
      'Under qemu: Debian’s own gcc and Python of arm64, the same setuptools, the build_wheel hook alone, timed as '
        + 'the farm’s step is, in a container with the same fences.',
      'The native cell uses the same compiler for x86_64; both run from a warm requirements store.',
    ],
  };
}

/** An arm64 root with a compiler, made once and kept in the cache. Answers its tag. */
async function emulatedImage(say: (line: string) => void): Promise<string> {
  const folder = join(placesOf(process.env).cache, 'bench', emulated.name);
  const docker = new Docker();
  await ensureBinfmt([emulated.architecture], { onLine: () => undefined });
  const tarPath = join(folder, 'root.tar');
  if (!await stat(tarPath).then(() => true, () => false)) {
    say('making an arm64 root with a compiler');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await unpackRoot(emulated, folder, docker, { cacheFolder: folder }, () => undefined);
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(tarPath)) hash.update(chunk as Buffer);
  const tarSha256 = hash.digest('hex');
  return loadImage({ ...emulated, key: tarSha256, tarSha256, tarPath,
    bytes: (await stat(tarPath)).size } as unknown as ImageRecord, docker);
}

/** The wheels that the farm has fetched for the build, unpacked for a Python that has no installer. */
async function backendFolder(folder: string): Promise<string> {
  const site = join(folder, 'site');
  await mkdir(site, { recursive: true });
  await writeFile(join(folder, 'unpack.sh'), [
    'set -eu', `cd "${folder}/fetched"`, 'for bundle in *.tar; do tar -x -C "$1" -f "$bundle"; done',
    'find "$1" -name "*.whl" | while read -r wheel; do python3 -m zipfile -e "$wheel" "$1"; rm "$wheel"; done',
  ].join('\n'));
  await execute('sh', [join(folder, 'unpack.sh'), site]);
  return site;
}

/** The hook under qemu, from `exec` to its end. @unit milliseconds */
async function underQemu(image: string, sdist: Sdist, site: string): Promise<number> {
  const run = async (...args: string[]): Promise<string> => (await execute('docker', args,
    { maxBuffer: 1 << 26 })).stdout.trim();
  const id = await run('run', '-d', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt',
    'no-new-privileges', '--init',
    '--tmpfs', `${buildFolder}:rw,exec,nosuid,nodev,uid=1000,gid=1000,mode=755`, '--tmpfs', '/tmp:rw,exec', '-v',
      `${site}:/site:ro`, '-v', `${sdist.file}:/sdist.tar.gz:ro`,
    '--cpus', '2', image, 'sleep', 'infinity');
  try {
    const hook = `import os; os.chdir("${buildFolder}/src"); from setuptools import build_meta; `
      + `print(build_meta.build_wheel("${buildFolder}/out"))`;
    await run('exec', '-u', '1000:1000', id, 'sh', '-c', `mkdir -p ${buildFolder}/src ${buildFolder}/out && tar -xz `
      + `--strip-components=1 -C ${buildFolder}/src -f /sdist.tar.gz`);
    const began = performance.now();
    await run('exec', '-u', '1000:1000', '-e', 'PYTHONPATH=/site', '-e', `HOME=${buildFolder}`, '-e', 'CFLAGS=-O2', id,
      'python3', '-c', hook);
    const ms = performance.now() - began;
    const wheels = await run('exec', id, 'sh', '-c', `ls ${buildFolder}/out`);
    if (!/linux_aarch64\.whl/.test(wheels)) throw new Error(`under qemu came ${wheels}, no native wheel`);
    return ms;
  } finally {
    await run('rm', '-f', id);
  }
}

