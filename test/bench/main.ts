/**
 * Benchmarks of the farm: `npm run bench` lists them, `npm run bench -- NAME…` runs some, `all` every one. `--short`
 * takes the small form and keeps no result. Results stand in results/NAME.json and in README.md, which is written here.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchCase, KeptResult } from './case.ts';
import { cibuildwheel } from './cases/cibuildwheel.ts';
import { cross } from './cases/cross.ts';
import { edit } from './cases/edit.ts';
import { editFarm } from './cases/edit-farm.ts';
import { fanOut } from './cases/fan-out.ts';
import { pages } from './cases/pages.ts';
import { overhead } from './cases/overhead.ts';
import { firstContainer, firstUse, secondUse } from './cases/farm-times.ts';
import { images } from './cases/images.ts';
import { twelvePlatforms } from './cases/twelve-platforms.ts';
import { machineNow, versionsNow } from './machine.ts';
import { tableLine } from './measure.ts';

const cases: readonly BenchCase[] = [fanOut, overhead, cross, twelvePlatforms, cibuildwheel, images, edit, editFarm, pages, secondUse, firstContainer, firstUse];
const folder = import.meta.dirname;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const short = argv.includes('--short');
  const names = argv.filter((word) => word !== '--short');
  if (names.length === 0) {
    for (const { name, compares } of cases) console.log(`${name.padEnd(16)} ${compares}`);
    return 0;
  }
  const chosen = names.includes('all') ? cases : cases.filter(({ name }) => names.includes(name));
  const unknown = names.filter((name) => name !== 'all' && !cases.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`there is no benchmark ${unknown.join(', ')}; there are ${cases.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  let missed = 0;
  for (const one of chosen) {
    const kept = await runCase(one, short);
    printResult(kept);
    missed += kept.measures.filter(({ met }) => met === false).length;
    if (short) continue;
    await writeFile(join(folder, 'results', `${one.name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
    await writeReadme();
  }
  return missed > 0 ? 1 : 0;
}

async function runCase(one: BenchCase, short: boolean): Promise<KeptResult> {
  const [versions, before] = [await versionsNow(), machineNow()];
  const began = Date.now();
  const { measures, notes } = await one.run({ short, say: (line) => console.error(`${one.name}: ${line}`) });
  return {
    case: one.name, compares: one.compares, short, at: new Date(began).toISOString(),
    seconds: Math.round((Date.now() - began) / 1000), versions,
    machine: { ...before, load: { before: before.load.before, after: machineNow().load.after } }, measures, notes,
  };
}

function printResult({ case: name, seconds, measures, notes, machine }: KeptResult): void {
  console.log(`\n${name} (${seconds} s, load ${machine.load.before} before, ${machine.load.after} after)`);
  for (const measured of measures) console.log(tableLine(measured));
  for (const note of notes) console.log(`- ${note}`);
}

async function writeReadme(): Promise<void> {
  const names = (await readdir(join(folder, 'results'))).filter((name) => name.endsWith('.json')).sort();
  const results = await Promise.all(names.map(async (name) =>
    JSON.parse(await readFile(join(folder, 'results', name), 'utf8')) as KeptResult));
  const parts = results.map((result) => [
    `## ${result.case}`, '', result.compares, '',
    '| what | measured | target | met |', '| --- | --- | --- | --- |', ...result.measures.map(tableLine), '',
    ...result.notes.map((note) => `- ${note}`), `- ${circumstances(result)}`, '',
  ].join('\n'));
  const head = [
    '# Benchmarks', '',
    'Written by `main.ts` from `results/*.json`; do not edit. `npm run bench` lists the cases, `npm run bench -- '
      + 'NAME` runs one.',
    'Both sides of a ratio are measured in one execution; a range is over the rounds of that execution.',
    'Real projects on every platform: [results/corpus.md](results/corpus.md), by `npm run corpus`.', '', '',
  ].join('\n');
  await writeFile(join(folder, 'README.md'), head + parts.join('\n'));
}

function circumstances({ at, seconds, versions, machine }: KeptResult): string {
  const { cores, model, memoryBytes } = machine;
  // A result that was put together from the clock of a first use has no load.
  const load = machine.load as KeptResult['machine']['load'] | null;
  const loaded = load ? `${load.before} before and ${load.after} after` : 'not measured';
  return `${at.slice(0, 16)}Z, ${seconds} s; ${cores} cores (${model}), ${Math.round(memoryBytes / 1024 ** 3)} `
    + `GiB, load `
    + `${loaded}; farm ${versions.farm}, Node ${versions.node}, `
      + `${versions.temporal}, `
    + `Docker ${versions.docker}, ${versions.postgres}, ${versions.pip}`;
}
