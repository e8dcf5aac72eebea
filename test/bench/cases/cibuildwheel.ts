import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { ensureImages } from '../../../images/make.ts';
import { rowsOf } from '../../../images/recipes.ts';
import { Slots } from '../../../images/slots.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import { readHostNetwork, type HostNetwork } from '../../../workers/backend/host-network.ts';
import { clientVenv } from '../../support/clients.ts';
import { startFarm, type TestFarm } from '../../support/farm.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { inProcess, type InProcess, type Row, type Sdist } from '../cell/in-process.ts';
import { fetchSdist } from '../cell/sdist.ts';
import { inDocker, layoutPythons, makeLayout, networkArguments, peerOf, tagOf } from '../cell/upstream-layout.ts';
import { atMost, measure, ratios } from '../measure.ts';

const execute = promisify(execFile);
const image = 'pypa-manylinux2014_x86_64';
const [project, version] = ['markupsafe', '3.0.4'];
/** Cells that a worker has at a time, as `limits.workerConcurrency`. */
const parallel = 2;
const targets = layoutPythons.map((python) => `${tagOf(python)}-manylinux_x86_64`);

export const cibuildwheel: BenchCase = {
  name: 'cibuildwheel',
  compares: `MarkupSafe ${version} for CPython ${layoutPythons.join(', ')} on x86_64: ./farm build, from the command to its end, against cibuildwheel `
    + 'from the index, both in the same local image of upstream’s layout, both import what they built.',
  run: measured,
};

interface Bench { readonly folder: string; readonly reference: string; readonly cache: string; readonly network: HostNetwork }

async function measured({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  const reference = `wheelfarm-bench/upstream:${process.pid}`;
  try {
    const network = await readHostNetwork(process.env);
    say('making the local image');
    await makeLayout(reference, folder, network);
    const bench = { folder, reference, cache: await ownCache(folder), network };
    await ensureImages({ names: [image], cacheFolder: join(bench.cache, 'wheelfarm'), docker: new Docker(), from: { [image]: reference } });
    const seen: { theirs: number; first: number; again: number }[] = [];
    const venv = await clientVenv('cibuildwheel-4.3.3', ['cibuildwheel==4.3.3', 'setuptools==80.9.0']);
    const sdist = await fetchSdist(project, version, folder);
    for (let at = 0; at < (short ? 2 : 3); at += 1) {
      const round = {
        theirs: await theirSeconds(bench, join(venv, 'cibuildwheel'), sdist.file),
        first: await firstSeconds(bench), again: await againSeconds(bench, sdist),
      };
      say(`cibuildwheel ${round.theirs.toFixed(1)} s, farm ${round.first.toFixed(1)} s, with its wheelhouse ${round.again.toFixed(1)} s`);
      // The first round warms page caches and Docker.
      if (at > 0) seen.push(round);
    }
    return result(seen);
  } finally {
    await inDocker('rmi', '--force', peerOf(reference), reference).catch(() => '');
    await rm(folder, { recursive: true, force: true });
  }
}

function result(seen: readonly { theirs: number; first: number; again: number }[]): CaseResult {
  const theirs = seen.map((round) => round.theirs);
  return {
    measures: [
      measure('farm that knows nothing over cibuildwheel', 'ratio', ratios(seen.map(({ first }) => first), theirs), atMost(0.7)),
      measure('farm with images and wheelhouse over cibuildwheel', 'ratio', ratios(seen.map(({ again }) => again), theirs), atMost(0.4)),
      measure('cibuildwheel 4.3.3', 's', theirs),
      measure('farm that knows nothing', 's', seen.map(({ first }) => first)),
      measure('farm with images and wheelhouse, every cell rebuilt', 's', seen.map(({ again }) => again)),
    ],
    notes: [
      'The farm that knows nothing is up before; its time holds the plan, the fetching of the sdist and of requirements, logs and rows, audits, SBOMs, '
        + 'signing and publishing.',
      'With images and wheelhouse: the worker alone, which has built the same cells once; every cell is built, repaired, audited and tested anew, '
        + `${parallel} at a time after the first. A farm would not build them again at all: it knows its attempts.`,
      'cibuildwheel’s side is its command with its own defaults (build, auditwheel repair, a virtual environment for the test); the project '
        + 'itself asks for build with uv, which the local image has not. The sdist is there before; the farm fetches its own.',
      'The local image is Debian’s forky with gcc (for cibuildwheel with a link in the place of the Python 3.9 that it asks for the environment): upstream’s images cannot be pulled on every machine.',
    ],
  };
}

/** The cache of this machine with another image under upstream's name: hard links, nothing is copied. */
async function ownCache(folder: string): Promise<string> {
  const cache = join(folder, 'cache');
  await mkdir(cache, { recursive: true });
  const from = placesOf(process.env).cache;
  await execute('cp', ['-al', from, cache]).catch(() => cp(from, join(cache, 'wheelfarm'), { recursive: true }));
  await rm(join(cache, 'wheelfarm', 'images', image), { recursive: true, force: true });
  return cache;
}

async function theirSeconds({ folder, reference, network }: Bench, command: string, sdist: string): Promise<number> {
  const out = await mkdtemp(join(folder, 'theirs-'));
  const began = performance.now();
  await execute(command, ['--platform', 'linux', '--archs', 'x86_64', '--output-dir', out, sdist], {
    maxBuffer: 1 << 26, cwd: out,
    env: {
      ...process.env, CIBW_MANYLINUX_X86_64_IMAGE: peerOf(reference), CIBW_BUILD: layoutPythons.map((python) => `${tagOf(python)}-manylinux_x86_64`).join(' '),
      CIBW_SKIP: '', CIBW_ENABLE: 'cpython-prerelease', CIBW_TEST_COMMAND: `python -c "import ${project}"`, CIBW_TEST_REQUIRES: '', CIBW_BUILD_FRONTEND: 'build',
      CIBW_CONTAINER_ENGINE: `docker; create_args: ${networkArguments(network).join(' ')}`,
    },
  });
  const seconds = (performance.now() - began) / 1000;
  const { stdout } = await execute('ls', [out]);
  const wheels = stdout.split('\n').filter((name) => name.endsWith('.whl'));
  if (wheels.length !== targets.length) throw new Error(`cibuildwheel wrote ${wheels.join(', ') || 'no wheel'}`);
  return seconds;
}

/** A farm that was never asked for anything, already up. */
async function firstSeconds({ cache }: Bench): Promise<number> {
  const farm = await startFarm({ env: { XDG_CACHE_HOME: cache } });
  try {
    return await buildSeconds(farm);
  } finally {
    await farm.stop();
  }
}

/** A worker that has built the same cells once builds and tests all of them anew. */
async function againSeconds({ folder, cache }: Bench, sdist: Sdist): Promise<number> {
  const own = await mkdtemp(join(folder, 'worker-'));
  const worker = await inProcess({ folder: own, images: join(cache, 'wheelfarm', 'images') });
  try {
    const rows = rowsOf(image).filter(({ target }) => targets.includes(target)) as unknown as Row[];
    await cellsSeconds(worker, rows, sdist);
    return await cellsSeconds(worker, rows, sdist);
  } finally {
    await worker.close();
    await rm(own, { recursive: true, force: true });
  }
}

/** Build and test of all rows in the farm's order: the first alone, then two at a time. */
async function cellsSeconds(worker: InProcess, [scout, ...rest]: readonly Row[], sdist: Sdist): Promise<number> {
  const cell = async (row: Row): Promise<void> => {
    const { wheel } = await worker.build(row, sdist);
    if (!wheel) throw new Error(`${row.target} has no wheel`);
    await worker.test(row, sdist, wheel);
  };
  const began = performance.now();
  if (scout) await cell(scout);
  const slots = new Slots(parallel);
  await Promise.all(rest.map((row) => slots.use(() => cell(row))));
  return (performance.now() - began) / 1000;
}

async function buildSeconds(farm: TestFarm): Promise<number> {
  const began = performance.now();
  const { code, stderr, stdout } = await farm.farm(['build', `${project}==${version}`, '--targets', ...targets, '--json']);
  const seconds = (performance.now() - began) / 1000;
  const { cells } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { cells: { state: string; tested: string | null }[] };
  const good = cells.length === targets.length && cells.every(({ state, tested }) => state === 'succeeded' && tested === 'passed');
  if (code !== 0 || !good) throw new Error(`the build ended with ${code}: ${stderr.slice(-2_000)}${stdout.slice(-2_000)}`);
  return seconds;
}
