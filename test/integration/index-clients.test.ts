/** Stock clients with nothing but `--index-url`: the farm's files and upstream's through one door. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientVenv } from '../support/clients.ts';
import { makeSdist, makeWheel, type MadeDistribution } from '../support/distributions.ts';
import { filesToPublish, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';
import { startPostgres } from '../support/postgres.ts';

const execute = promisify(execFile);
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let plane: IndexPlane;
let folder: string;
let sdist: MadeDistribution;

beforeAll(async () => {
  postgres = await startPostgres();
  plane = await startIndexPlane({ databaseUrl: postgres.url, upstream: null });
  folder = await mkdtemp(join(tmpdir(), 'farm-clients-'));
  // `idna` exists upstream with higher versions: a name that the farm holds must not be mixed with them.
  for (const [name, requires] of [['farm-demo', ['cffi==1.17.1', 'idna']], ['idna', []]] as const) {
    const wanted = { name, version: '1.0', requires, requiresPython: '>=3.8', content: 'from the farm' };
    sdist = await makeSdist(wanted);
    const files = await filesToPublish(plane.blobs, [makeWheel(wanted), sdist]);
    await plane.index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files });
  }
});

afterAll(async () => {
  await plane?.stop();
  await postgres?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Without the machine's own settings, which may name other sources. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PIP|UV)_/.test(name));
  return { ...Object.fromEntries(kept), PIP_CONFIG_FILE: '/dev/null', UV_NO_CONFIG: '1' };
}

const shows = `import sys; sys.path.insert(0, sys.argv[1])
import farm_demo, idna, cffi, pycparser
print(farm_demo.value, '|', idna.value, '|', cffi.__version__, '|', pycparser.__name__)`;

async function expectInstalled(target: string): Promise<void> {
  const { stdout } = await execute('python3', ['-c', shows, target]);
  expect(stdout.trim()).toBe('from the farm | from the farm | 1.17.1 | pycparser');
}

describe.each([['pip', '26.3'], ['pip', '23.2'], ['uv', '0.13.8']] as const)('%s %s', (client, version) => {
  it('installs a release of the farm with its dependencies, the farm\'s and upstream\'s', async () => {
    const bin = await clientVenv(`${client}-${version}`, [`${client}==${version}`]);
    const target = join(folder, `${client}-${version}`);
    const index = ['--index-url', `${plane.url}/simple/`];
    if (client === 'pip') {
      await execute(join(bin, 'python'), ['-m', 'pip', 'install', '-q', '--no-cache-dir', '--disable-pip-version-check',
        '--only-binary', ':all:', ...index, '--target', target, 'farm-demo'], { env: bareEnvironment() });
    } else {
      await execute(join(bin, 'uv'), ['pip', 'install', '-q', '--cache-dir', join(folder, 'uv-cache'), '--only-binary', ':all:',
        ...index, '--python', join(bin, 'python'), '--target', target, 'farm-demo'], { env: bareEnvironment() });
    }
    await expectInstalled(target);
  }, 120_000);
});

it('pip download gives the sdist, byte for byte', async () => {
  const bin = await clientVenv('pip-26.3', ['pip==26.3']);
  const target = join(folder, 'sdist');
  await execute(join(bin, 'python'), ['-m', 'pip', 'download', '-q', '--no-cache-dir', '--no-deps', '--no-binary', 'idna',
    '--index-url', `${plane.url}/simple/`, '-d', target, 'idna'], { env: bareEnvironment() });
  expect(await readdir(target)).toEqual([sdist.filename]);
  expect((await readFile(join(target, sdist.filename))).equals(sdist.bytes)).toBe(true);
}, 120_000);
