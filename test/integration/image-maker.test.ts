import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { causeOf, imageMaker } from '../../orchestrator/adapters/image-maker.ts';
import { limits } from '../../orchestrator/contract/limits.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'farm-maker-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A program in the place of images/make.ts: says a line of progress, then does what `script` says. */
async function makerOf(script: string, clock = { now: () => new Date() }) {
  const file = join(folder, `${Math.abs(script.length)}-make.mjs`);
  await writeFile(file, `process.stderr.write('10:00:00 ' + process.argv.at(-1) + ': unpack half\\n');\n${script}`);
  return imageMaker({ cacheFolder: folder, clock, environment: process.env, say: () => undefined, command: [process.execPath, file] });
}

async function until(check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries += 1) {
    if (tries > 400) throw new Error('it did not come about in 10 s');
    await sleep(25);
  }
}

/** What make.ts leaves of an image that no recipe knows. */
const leaveImage = `
import { mkdirSync, writeFileSync } from 'node:fs';
const [, , , cache, name] = process.argv;
setTimeout(() => {
  mkdirSync(cache + '/images/' + name, { recursive: true });
  writeFileSync(cache + '/images/' + name + '/root.tar', 'tar');
  writeFileSync(cache + '/images/' + name + '/record.json', JSON.stringify({ name, key: 'k', bytes: 3 }));
}, 200);`;

test('an image that is missing is made once, and how far it is can be seen', async () => {
  const maker = await makerOf(leaveImage);
  expect(await maker.states(['one'])).toMatchObject([{ name: 'one', state: 'missing' }]);
  maker.make(['one']);
  maker.make(['one', 'two']);
  await until(() => maker.view().some(({ note }) => note === 'unpack half'));
  expect(maker.view()).toMatchObject([{ name: 'one', state: 'making' }, { name: 'two', state: 'making' }]);
  await until(() => maker.view().length === 0);
  expect(await maker.states(['one', 'two'])).toMatchObject([{ state: 'made' }, { state: 'made' }]);
});

test('what no build waits for is made beside what builds wait for', async () => {
  const maker = await makerOf(`setTimeout(() => undefined, 60_000);`);
  maker.make(['test-musl-313-amd64']);
  maker.make(['wanted', 'next']);
  await until(() => maker.view().filter(({ note }) => note === 'unpack half').length === 2);
  expect(maker.view()).toMatchObject([{ name: 'test-musl-313-amd64', state: 'making', late: true }, { name: 'wanted' }, { name: 'next' }]);
  maker.stop();
  await until(() => maker.view().every(({ state }) => state === 'failed'));
});

test('one that cannot be made says why, and is not tried again before its time', async () => {
  let ms = 0;
  const maker = await makerOf("throw new Error('no registry answers');", { now: () => new Date(ms) });
  maker.make(['never']);
  await until(() => maker.view().some(({ state }) => state === 'failed'));
  expect(maker.view()).toMatchObject([{ name: 'never', state: 'failed', note: 'no registry answers' }]);
  maker.make(['never']);
  expect(maker.view()).toMatchObject([{ state: 'failed' }]);
  ms = limits.imageRetryMs + 1;
  expect(await maker.states(['never'])).toMatchObject([{ state: 'missing' }]);
});

test('the cause is the line of the error', () => {
  expect(causeOf(['file:///x.ts:3', '    throw', "Error: cannot pull 'a'", '    at b'])).toBe("cannot pull 'a'");
  expect(causeOf([])).toBe('');
});
