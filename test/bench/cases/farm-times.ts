/** Times that a person waits for, on a farm of its own with images and downloads there. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineOf } from '../../../infra/setup/docker-socket.ts';
import type { BuildView } from '../../../orchestrator/contract/api.ts';
import { apiOf } from '../../support/build.ts';
import { farmAt, startFarm, type TestFarm } from '../../support/farm.ts';
import type { BenchCase, CaseOptions } from '../case.ts';
import { atMost, measure } from '../measure.ts';

const what = 'markupsafe==3.0.2';
const project = 'markupsafe';

/** Runs a command of the farm to its end. @unit seconds @errors throws when it fails */
async function timed(farm: TestFarm, args: readonly string[]): Promise<number> {
  const began = performance.now();
  const { code, stderr, stdout } = await farm.farm(args);
  if (code !== 0) throw new Error(`./farm ${args.join(' ')} ended with ${code}: `
    + `${stderr.slice(-2_000)}${stdout.slice(-2_000)}`);
  return (performance.now() - began) / 1000;
}

export const secondUse: BenchCase = {
  name: 'second-use',
  compares: 'What `./farm build` takes for an unchanged plan, `./farm status` and `./farm up` after `./farm down`.',
  async run({ short, say }) {
    const farm = await startFarm();
    try {
      const targets = short ? ['--targets', 'cp311-manylinux_x86_64'] : [];
      say(`first build: ${(await timed(farm, ['build', what, ...targets])).toFixed(1)} s`);
      const rounds = async (count: number, round: () => Promise<number>): Promise<number[]> => {
        const seconds: number[] = [];
        for (let at = 0; at < count; at += 1) seconds.push(await round());
        return seconds;
      };
      const again = await rounds(5, () => timed(farm, ['build', what, ...targets]));
      const status = await rounds(5, () => timed(farm, ['status']));
      const up = await rounds(short ? 1 : 3, async () => {
        await timed(farm, ['down']);
        return timed(farm, ['up']);
      });
      return {
        measures: [
          measure('build of an unchanged plan', 's', again, atMost(2)),
          measure('status', 's', status),
          measure('up after down', 's', up, atMost(10)),
        ],
        notes: ['Wall time of the command, from its start to its end, with the farm up.'],
      };
    } finally {
      await farm.stop();
    }
  },
};

export const firstContainer: BenchCase = {
  name: 'first-container',
  compares: 'Command to the first started container of a release that the farm does not know, and the last cell’s '
    + 'end to the '
    + 'signed wheel on the index, with the farm up.',
  async run(options) {
    const starts: number[] = [];
    const listed: number[] = [];
    // A fresh farm each time: what one has fetched or built would help the next.
    for (let at = 0; at < (options.short ? 1 : 3); at += 1) {
      const farm = await startFarm();
      try {
        const seen = await newRelease(farm, options);
        starts.push(seen.start);
        listed.push(seen.listed);
      } finally {
        await farm.stop();
      }
    }
    return {
      measures: [
        measure('command to first started container', 's', starts, atMost(2)),
        measure('last cell’s end to signed wheel on the index', 's', listed, atMost(3)),
      ],
      notes: [
        'Started: the engine’s own event. On the index: its JSON page lists the cell’s wheel and its provenance '
          + 'answers, asked every 20 ms.',
        'The farm’s end of the cell is the first change of its state that the API tells; it comes at most 250 ms late.',
      ],
    };
  },
};

/** Builds a release that this farm has never seen. @unit seconds */
async function newRelease(farm: TestFarm, { short, say }: CaseOptions): Promise<{ start: number; listed: number }> {
  const stop = new AbortController();
  const started = firstStart(farm.kept().identity.farmId, stop.signal);
  const targets = short ? ['--targets', 'cp311-manylinux_x86_64'] : [];
  const began = Date.now();
  const command = farm.farm(['build', what, ...targets]);
  const lastEnd = await lastCellEnd(farm, stop.signal);
  const visible = await wheelListed(farm, lastEnd.wheel);
  const { code, stderr } = await command;
  stop.abort();
  if (code !== 0) throw new Error(`the build ended with ${code}: ${stderr.slice(-2_000)}`);
  const seen = { start: (await started - began) / 1000, listed: (visible - lastEnd.at) / 1000 };
  say(`first container after ${seen.start.toFixed(2)} s, listed ${seen.listed.toFixed(2)} s after the last cell`);
  return seen;
}

/** When the engine starts the first container of a farm. @unit milliseconds since 1970 */
async function firstStart(farmId: string, signal: AbortSignal): Promise<number> {
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['start'],
    label: [`wheelfarm.farm=${farmId}`] }));
  return new Promise((resolve, reject) => {
    const asked = request({ ...engineOf(process.env), path: `/events?filters=${filters}`, headers: { Host: 'docker' },
      signal }, (answer) => {
      answer.once('data', (bytes: Buffer) => resolve(Number((JSON.parse(bytes.toString().split('\n')[0]
        ?? '{}') as { timeNano: number }).timeNano) / 1e6));
      answer.on('error', () => undefined);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Follows the newest build until no cell is open. */
async function lastCellEnd(farm: TestFarm, signal: AbortSignal): Promise<{ at: number; wheel: string }> {
  const api = await apiOf(farm);
  let build: BuildView | undefined;
  while (!build) {
    [build] = await api.get<BuildView[]>('/builds?limit=1');
    if (!build) await sleep(50);
  }
  for await (const view of api.events<BuildView>(`/builds/${build.id}/events`, signal)) {
    const open = view.cells.filter(({ state }) => state === 'queued' || state === 'running');
    const wheel = view.cells.find((cell) => cell.wheel !== null)?.wheel;
    if (open.length === 0 && wheel) return { at: Date.now(), wheel };
    if (view.state !== 'running') throw new Error(`the build ended as ${view.state} with open cells`);
  }
  throw new Error('the events ended before the build');
}

/** When the index lists a wheel and serves its provenance. @unit milliseconds since 1970 */
async function wheelListed(farm: TestFarm, wheel: string): Promise<number> {
  const { index } = await farm.status();
  const page = `${String(index).replace(/\/+$/, '')}/${project}/`;
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(20)) {
    const answer = await fetch(page, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
    if (!answer.ok) continue;
    const { files } = await answer.json() as { files: { filename: string; provenance?: string }[] };
    const provenance = files.find(({ filename }) => filename === wheel)?.provenance;
    if (provenance && (await fetch(new URL(provenance, page))).ok) return Date.now();
  }
  throw new Error(`${wheel} is not on the index after a minute`);
}

export const firstUse: BenchCase = {
  name: 'first-use',
  compares: 'Command to the first installable wheel, from an empty state folder, the farm not up; Docker, '
    + 'downloads and images there.',
  async run({ short, say }) {
    const home = await mkdtemp(join(tmpdir(), 'farm-bench-home-'));
    const farm = farmAt(home);
    try {
      const targets = short ? ['--targets', 'cp311-manylinux_x86_64'] : [];
      const seconds = await timed(farm, ['build', what, ...targets]);
      say(`build: ${seconds.toFixed(1)} s`);
      const { index } = await farm.status();
      const install = await pipSeconds(String(index), join(home, 'installed'));
      return {
        measures: [
          measure('command to installable wheels, all cells built, tested and signed', 's', [seconds], atMost(180)),
          measure('pip installs it from the index', 's', [install]),
        ],
        notes: ['The farm publishes a release at once, when its required targets are in: the first installable '
          + 'wheel comes with the last.'],
      };
    } finally {
      await farm.stop();
      await rm(home, { recursive: true, force: true });
    }
  },
};

/** A stock pip takes the wheel from the farm's index alone. @unit seconds @errors throws with what pip said */
async function pipSeconds(index: string, folder: string): Promise<number> {
  const began = performance.now();
  const child = spawn('python3', ['-m', 'pip', 'install', '--no-cache-dir', '--only-binary', ':all:', '--index-url',
    index, '--target', folder, what],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data',
    (bytes: Buffer) => { said += bytes.toString(); });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`pip ended with ${code}: ${said.slice(-2_000)}`);
  return (performance.now() - began) / 1000;
}
