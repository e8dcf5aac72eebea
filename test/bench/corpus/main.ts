/**
 * Real projects through the farm: `npm run corpus`. `-- --resume --budget 90m` goes on where the last slice ended and
 * stops in time; `--again` also takes what has cells without a wheel; names take those projects alone, `--targets` those cells. Builds on the
 * farm of this checkout (or of FARM_HOME), which remembers what it has built. Each project is a file of
 * results/corpus, all of them are the page results/corpus.md.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placesOf } from '../../../infra/setup/places.ts';
import type { BuildView } from '../../../orchestrator/contract/api.ts';
import type { Failure } from '../../../orchestrator/domain/failure.ts';
import { clientOf } from '../../../orchestrator/cli/api-client.ts';
import { cellsOf, cellsOfFailure, isHad, type CorpusCell, type CorpusProject, type CorpusResult } from './score.ts';
import { isCurrent, merged, readSlice, sliceOf, targetsOf, type Candidate } from './slice.ts';
import { corpusPage } from './table.ts';

const own = import.meta.dirname;
const kept = join(own, '..', 'results', 'corpus');
const places = placesOf(process.env);
/** The Python of every project. */
const python = '3.13';

async function main(argv: readonly string[]): Promise<number> {
  const order = readSlice(argv);
  const deadline = Date.now() + order.budgetMs;
  const projects = readJson<CorpusProject[]>(join(own, 'projects.json'));
  const slice = sliceOf(projects.map(candidateOf), readResults(projects), order);
  console.log(`${slice.length} of ${projects.length} projects: ${slice.map(({ project }) => project).join(', ')}`);
  for (const candidate of slice) {
    const began = Date.now();
    if (began >= deadline) break;
    const fresh = await built(candidate, targetsOf(candidate, order), order.again, deadline - began);
    const { targets: _targets, ...result } = candidate;
    const older = readResults(projects).find(({ project }) => project === candidate.project);
    const cells = merged(fresh, isCurrent(older, candidate) ? older.cells : []);
    keep({ ...result, at: new Date().toISOString(), farm: commit(), cells });
    writeFileSync(join(kept, '..', 'corpus.md'), corpusPage(readResults(projects), projects));
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(`${candidate.project} ${candidate.version}: ${cells.filter(isHad).length} of ${cells.length} cells, ${seconds} s`);
  }
  return 0;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

function candidateOf(project: CorpusProject): Candidate {
  const rows = readJson<{ target: string; python: string }[]>(join(places.root, 'images', 'catalogue.json'));
  const of = (version: string): string[] => rows
    .filter((row) => row.python === version && /^cp\d+-/.test(row.target)).map(({ target }) => target);
  const recipe = recipeOf(project.project);
  return {
    ...project, targets: [...of(python), ...project.second ? of(project.second) : []],
    recipe: recipe === null ? null : createHash('sha256').update(readFileSync(recipe)).digest('hex'),
  };
}

/** The path of the recipe that a project is given; null without one. */
function recipeOf(project: string): string | null {
  const name = `${project}.toml`;
  return readdirSync(join(own, 'recipes')).includes(name) ? join(own, 'recipes', name) : null;
}

/** All results, in the order of the list. */
function readResults(projects: readonly CorpusProject[]): CorpusResult[] {
  mkdirSync(kept, { recursive: true });
  const there = new Set(readdirSync(kept));
  return projects.filter(({ project }) => there.has(`${project}.json`))
    .map(({ project }) => readJson<CorpusResult>(join(kept, `${project}.json`)));
}

function keep(result: CorpusResult): void {
  const { cells, ...head } = result;
  const lines = cells.map((cell) => `  ${JSON.stringify(cell)}`).join(',\n');
  writeFileSync(join(kept, `${result.project}.json`), `${JSON.stringify(head).slice(0, -1)},"cells":[\n${lines}\n]}\n`);
}

const commit = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: places.root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
};

/** Builds a project by the command that people use; what has not ended when the time is over is `unfinished`. */
async function built(candidate: Candidate, asked: readonly string[], again: boolean, msMax: number): Promise<CorpusCell[]> {
  const recipe = recipeOf(candidate.project);
  const said = await farm([
    'build', `${candidate.project}==${candidate.version}`, '--targets', ...asked,
    ...recipe ? ['--recipe', recipe] : [], '--json', ...again ? ['--again'] : [],
  ], msMax);
  const last = lastObject(said);
  if (last?.failure?.code === 'FARM_NOT_UP') throw new Error(last.failure.message);
  if (last?.failure) return cellsOfFailure(last.failure, candidate.targets);
  if (!last?.id) throw new Error(`${candidate.project}: the build ended without a result:\n${said.slice(-2_000)}`);
  return cellsOf(await clientOf(places).get<BuildView>(`/builds/${last.id}`), candidate.targets);
}

function lastObject(said: string): { id?: string; failure?: Failure } | null {
  try {
    return JSON.parse(said.trimEnd().split('\n').at(-1) ?? '') as { id?: string; failure?: Failure };
  } catch {
    return null;
  }
}

/** Runs `./farm ARGS`; interrupted as by Ctrl-C when the time is over. Its progress goes to the standard error. */
function farm(args: readonly string[], msMax: number): Promise<string> {
  const child = spawn(join(places.root, 'farm'), [...args], { cwd: places.root, stdio: ['ignore', 'pipe', 'inherit'] });
  // setTimeout takes no more than 2^31 - 1 ms.
  const timer = Number.isFinite(msMax) ? setTimeout(() => child.kill('SIGINT'), Math.min(msMax, 2 ** 31 - 1)) : null;
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => { said += bytes.toString(); });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      if (timer) clearTimeout(timer);
      resolve(said);
    });
  });
}

// Below all constants: functions above may be called before their lines are reached, constants may not.
process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  return 2;
});
