import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileCatalogue } from '../../orchestrator/adapters/catalogue-file.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { sha256Of } from '../support/index-plane.ts';

let plane: ControlPlane;
let cacheFolder: string;
beforeAll(async () => {
  plane = await startControlPlane();
  cacheFolder = await mkdtemp(join(tmpdir(), 'wheelfarm-catalogue-'));
});
afterAll(async () => {
  await plane.stop();
  await rm(cacheFolder, { recursive: true });
});

const key = sha256Of('recipe');

/** What set-up leaves of an image. */
async function made(tar: string): Promise<void> {
  const folder = join(cacheFolder, 'images', 'cross');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'root.tar'), tar);
  await writeFile(join(folder, 'record.json'), JSON.stringify({ name: 'cross', key, tarSha256: sha256Of(tar), bytes: tar.length }));
}
const catalogue = () => fileCatalogue({ imagesFolder: cacheFolder, cacheFolder, blobs: plane.blobs, pool: plane.database.pool });

test('an image that is made again under its key stays what attempts ran in', async () => {
  await made('first');
  expect(await catalogue().image('cross', key)).toMatchObject({ tarSha256: sha256Of('first'), bytes: 5 });
  await rm(join(cacheFolder, 'images'), { recursive: true });
  await made('second');
  expect(await catalogue().image('cross', key)).toMatchObject({ tarSha256: sha256Of('first') });
  await plane.database.pool.query('delete from blob where sha256 = $1', [sha256Of('first')]);
  expect(await catalogue().image('cross', key)).toMatchObject({ tarSha256: sha256Of('second'), bytes: 6 });
});

test('a row whose late test image is not made yet is built without its test, and says why', async () => {
  await made('third');
  const row = {
    target: 'cp313-musllinux_x86_64', python: '3.13', image: 'cross', build: 'cross', testImage: 'test-musl-313-amd64', test: 'native',
    buildPool: 'p', testPool: 'p', floor: 'musl 1.2', repair: 'auditwheel',
  } as const;
  expect(await catalogue().planRows([row, { ...row, target: 'waits', testImage: 'test-debian-trixie-amd64' }])).toEqual([
    { ...row, test: 'none', imageKey: key, testImageKey: null, untested: 'the test image test-musl-313-amd64 is not made yet' },
  ]);
});
