import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Slots } from '../../../images/slots.ts';
import { readRecord } from '../../../images/record.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { allRows, inProcess, type InProcess, type Row, type Sdist } from '../cell/in-process.ts';
import { fetchSdist } from '../cell/sdist.ts';
import { atMost, measure, ratios } from '../measure.ts';

const python = '3.13';
const native = 'cp313-manylinux_x86_64';
const platforms = [
  ...['x86_64', 'aarch64', 'armv7l', 'ppc64le', 's390x', 'riscv64'].map((machine) => `manylinux_${machine}`),
  'musllinux_x86_64', 'musllinux_aarch64', 'win_amd64', 'win_arm64', 'macosx_x86_64', 'macosx_arm64',
];
/** Builds that a worker has at a time, as `limits.workerConcurrency`. */
const parallel = 2;

export const twelvePlatforms: BenchCase = {
  name: 'twelve-platforms',
  compares: 'Twelve platforms of MarkupSafe 3.0.2 for CPython 3.13, from fetch to audit, two cells '
    + 'at a time, against the native cell alone: same images, both from an empty requirements store.',
  run: measured,
};

async function measured({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  try {
    const made = (name: string): boolean => readRecord(placesOf(process.env).cache, name) !== undefined;
    const rows = (await allRows()).filter((row) => row.python === python && platforms.some((platform) => row.target === `cp313-${platform}`));
    const there = rows.filter(({ image }) => made(image));
    const lacking = rows.filter((row) => !there.includes(row)).map(({ target }) => target);
    const [own] = there.filter(({ target }) => target === native);
    if (!own) throw new Error(`the image of ${native} is not made: ./farm setup`);
    const sdist = await fetchSdist('markupsafe', '3.0.2', folder);
    const seen: { alone: number; all: number }[] = [];
    for (let at = 0; at < (short ? 2 : 3); at += 1) {
      const round = {
        alone: await timed(join(folder, `alone-${at}`), [own], sdist),
        all: await timed(join(folder, `all-${at}`), [own, ...there.filter((row) => row !== own)], sdist),
      };
      say(`alone ${(round.alone / 1000).toFixed(1)} s, all ${there.length} ${(round.all / 1000).toFixed(1)} s`);
      // The first round warms page caches and Docker.
      if (at > 0) seen.push(round);
    }
    return {
      measures: [
        measure(`${there.length} platforms over the native cell alone`, 'ratio', ratios(seen.map(({ all }) => all), seen.map(({ alone }) => alone)), atMost(5)),
        measure('native cell alone', 's', seen.map(({ alone }) => alone / 1000)),
        measure(`${there.length} platforms`, 's', seen.map(({ all }) => all / 1000)),
      ],
      notes: [
        `Platforms: ${there.map(({ target }) => target.slice(6)).join(', ')}.`,
        ...lacking.length > 0 ? [`Rows whose image was not made on this machine, left out: ${lacking.join(', ')}.`] : [],
        'The goal is 3. Build requirements are fetched once for an image and serve all of its cells.',
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Fetch to audit of all rows, the first one alone as the farm's scout is, in a worker that has fetched nothing. @unit milliseconds */
async function timed(folder: string, [scout, ...rest]: readonly Row[], sdist: Sdist): Promise<number> {
  const farm: InProcess = await inProcess({ folder });
  try {
    const began = performance.now();
    if (scout) await farm.build(scout, sdist);
    const slots = new Slots(parallel);
    await Promise.all(rest.map((row) => slots.use(() => farm.build(row, sdist))));
    return performance.now() - began;
  } finally {
    await farm.close();
    await rm(folder, { recursive: true, force: true });
  }
}
