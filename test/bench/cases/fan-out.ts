import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { ApiClient } from '../../../orchestrator/cli/api-client.ts';
import { databaseUrlOf } from '../../../orchestrator/cli/group/parts.ts';
import { farmUrl, type Kept } from '../../../orchestrator/cli/group/kept.ts';
import type { BuildView } from '../../../orchestrator/contract/api.ts';
import { limits } from '../../../orchestrator/contract/limits.ts';
import { releaseWorkflowId } from '../../../orchestrator/contract/messages.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import { sendFile } from '../../support/build.ts';
import { startFarm, type TestFarm } from '../../support/farm.ts';
import { packAnimal } from '../../zoo/animals.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import type { BareOrder } from '../fan-out/bare-workflow.ts';
import { historySize, type HistorySize } from '../fan-out/history.ts';
import { writeNoOpCatalogue } from '../fan-out/no-op-catalogue.ts';
import { memoryOf } from '../machine.ts';
import { atLeast, atMost, measure } from '../measure.ts';
import { startParts, type StartedPart } from '../parts.ts';
import { processorMs, stopped, watchMemory } from '../processes.ts';

const activitiesOfCell = 3;
/**
 * A place for each cell in flight, as the bare worker has for each activity: an activity for which no place is free is
 * written to the server's database and read from it again before it is handed out.
 */
const workerConcurrency = Number(process.env['FARM_BENCH_PLACES'] ?? limits.cellsInFlightMax);
const buildMsMax = 20 * 60_000;

export const fanOut: BenchCase = {
  name: 'fan-out',
  compares: '1,000 cells of a no-op backend, leases, logs, SBOM and rows included, against as many bare no-op '
    + 'activities '
    + '(three a cell, same window) on the same Temporal server.',
  run: (options) => fanOutCells(options, Number(process.env['FARM_BENCH_CELLS'] ?? (options.short ? 60 : 1_000))),
};

async function fanOutCells({ say }: CaseOptions, cells: number): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  const farm = await startFarm({ args: ['--only', 'postgres,temporal'] });
  const kept = farm.kept();
  const address = `127.0.0.1:${kept.ports.temporal}`;
  let parts: readonly StartedPart[] = [];
  try {
    const { images, cache } = await writeNoOpCatalogue(folder, cells);
    parts = await startParts({
      home: farm.home, kept, logs: process.env['FARM_BENCH_LOGS'] ?? join(folder, 'logs'),
      env: { FARM_IMAGES: images, FARM_CACHE: cache, FARM_BACKEND: 'scripted',
        FARM_CONCURRENCY: String(workerConcurrency) },
    });
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const bareSpent = processorOf(await groupPids(farm, []));
    const before = await bareRate(client, address, cells);
    const bareServer = (bareSpent().find(({ name }) => name === 'temporal')?.ms ?? 0) / cells;
    say(`bare before: ${before.toFixed(0)} activities a second, ${bareServer.toFixed(1)} ms of the server for three`);
    const spent = processorOf(await groupPids(farm, parts));
    const memory = watchMemory(parts.filter(({ name }) => name !== 'worker').map(({ pid }) => pid));
    const built = await buildCells({ kept, folder, url: databaseUrl(farm.home, kept) });
    const peak = memory.stop();
    const processor = spent().map(({ name, ms }) => `${name} ${(ms / cells).toFixed(1)}`).join(', ');
    const sizes = parts.map(({ name, pid }) => `${name} ${Math.round(memoryOf(pid) / 1e6)} MB`).join(', ');
    say(`processor milliseconds a cell: ${processor}; ${sizes}`);
    const rate = (cells * activitiesOfCell) / built.seconds;
    say(`farm: ${rate.toFixed(0)} activities a second, ${cells} cells in ${built.seconds.toFixed(1)} s, signed and `
      + `published ${built.publishSeconds.toFixed(1)} s later`);
    const after = await bareRate(client, address, cells);
    say(`bare after: ${after.toFixed(0)} activities a second`);
    const workflowId = releaseWorkflowId(built.id);
    const history = await historySize(client, workflowId, await firstRunOf(client, workflowId));
    await connection.close();
    return judged(cells, { before, after, rate, built, peak, history, processor, bareServer });
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
    await farm.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Seen {
  readonly before: number;
  readonly after: number;
  readonly rate: number;
  readonly built: Built;
  readonly peak: number;
  readonly history: HistorySize;
  readonly processor: string;
  /** Of the Temporal server, for three bare activities. @unit milliseconds */
  readonly bareServer: number;
}

function judged(cells: number, { before, after, rate, built, peak, history, processor, bareServer }: Seen): CaseResult {
  const MB = 1_000_000;
  return {
    measures: [
      measure('rate of the farm’s activities over bare ones', 'ratio', [(2 * rate) / (before + after)], atLeast(0.5)),
      measure('farm', 'activities/s', [rate]),
      measure('bare, before and after', 'activities/s', [before, after]),
      measure('history events a cell', 'events', [history.events / cells], atMost(25)),
      measure('history a cell', 'bytes', [history.bytes / cells], atMost(4_096)),
      measure('largest payload', 'bytes', [history.largestPayload], atMost(limits.payloadBytesMax)),
      measure('memory of the control plane, peak', 'MB', [peak / MB], atMost(400)),
      measure('all cells ended to signed and published', 's', [built.publishSeconds]),
    ],
    notes: [
      `${cells} cells, ${limits.cellsInFlightMax} in flight, ${history.histories} histories; one worker process `
        + `with ${workerConcurrency} places`,
      `Median milliseconds in the queue and at work: ${timesText(history)}.`,
      `Processor milliseconds a cell, signing and publishing included: ${processor}; the server alone for three bare `
        + `activities: ${bareServer.toFixed(1)}.`,
      'Memory is the proportional set size of the API and the orchestrator together, looked at twice a second.',
    ],
  };
}

const timesText = ({ times }: HistorySize): string =>
  Object.entries(times).map(([name, { queued, worked }]) => `${name} ${queued} and ${worked}`).join(', ');

interface NamedPid { readonly name: string; readonly pid: number }

/** The started parts, and those that the supervisor runs. */
async function groupPids(farm: TestFarm, parts: readonly StartedPart[]): Promise<readonly NamedPid[]> {
  const { parts: supervised } = await farm.status();
  return [...parts, ...supervised.flatMap(({ name, pid }) => (pid ? [{ name, pid }] : []))];
}

/** Answers what the processes have spent since the call. */
function processorOf(pids: readonly NamedPid[]): () => { name: string; ms: number }[] {
  const before = pids.map(({ pid }) => processorMs(pid));
  return () => pids.map(({ name, pid }, at) => ({ name, ms: processorMs(pid) - (before[at] ?? 0) }));
}

const databaseUrl = (home: string, kept: Kept): string =>
  databaseUrlOf({ ...placesOf(process.env), home, node: process.execPath, kept });

interface CellStates { state: string; tested: string | null; count: string; last: Date; failure: unknown }
interface Built { readonly id: string; readonly seconds: number; readonly publishSeconds: number }

/** Builds a tiny sdist for every row of the catalogue. @errors throws when a cell did not succeed */
async function buildCells({ kept, folder, url }: { kept: Kept; folder: string; url: string }): Promise<Built> {
  const api = new ApiClient(farmUrl(kept.ports), kept.secrets.apiToken);
  const sdist = await packAnimal({
    name: 'bench-no-op', files: { 'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "scripted"\n' },
  }, folder);
  const source = await sendFile(api, sdist);
  const began = Date.now();
  const { id } = await api.post<BuildView>('/builds', { what: '', source: source.id, targets: [] });
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    const plan = (await pool.query<{ plan_sha256: string }>('select plan_sha256 from build where id = $1',
      [id])).rows[0]?.plan_sha256;
    for (;;) {
      const { rows } = await pool.query<{ state: string }>('select state from build where id = $1', [id]);
      if (rows[0]?.state !== 'running') break;
      if (Date.now() - began > buildMsMax) throw new Error(`the build has not ended after ${buildMsMax / 60_000} `
        + `minutes`);
      await sleep(200);
    }
    const { rows: states } = await pool.query<CellStates>(
      `select state, tested, count(*) as count, max(updated_at) as last, min(failure::text) as failure
       from cell where plan_sha256 = $1 group by 1, 2`, [plan]);
    const good = states.length === 1 && states[0]?.state === 'succeeded';
    if (!good) throw new Error(`not every cell succeeded: ${JSON.stringify(states).slice(0, 2_000)}`);
    const { rows: [ends] } = await pool.query<{ ended_at: Date; state: string }>('select ended_at, state from '
      + 'build where id = $1', [id]);
    if (ends?.state !== 'succeeded') throw new Error(`the build ended as ${ends?.state}`);
    const last = (states[0] as { last: Date }).last.getTime();
    return { id, seconds: (last - began) / 1000, publishSeconds: (ends.ended_at.getTime() - last) / 1000 };
  } finally {
    await pool.end();
  }
}

/** Activities a second of the bare workflow, from its start to its end. */
async function bareRate(client: Client, address: string, cells: number): Promise<number> {
  const worker = spawn(process.execPath, [join(import.meta.dirname, '..', 'fan-out', 'bare-worker.ts'), address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.stdout.once('data', () => resolve());
      worker.once('exit', (code) => reject(new Error(`the bare worker ended with ${code}`)));
    });
    const order: BareOrder = { cells };
    const began = performance.now();
    await client.workflow.execute('bare', { workflowId: `bare-${began}`, taskQueue: 'bare', args: [order] });
    return (cells * activitiesOfCell * 1000) / (performance.now() - began);
  } finally {
    await stopped(worker);
  }
}

/** The first execution of a workflow that went on as new. */
async function firstRunOf(client: Client, workflowId: string): Promise<string> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const id = raw.workflowExecutionInfo?.firstRunId;
  if (!id) throw new Error(`${workflowId} has no first execution`);
  return id;
}
