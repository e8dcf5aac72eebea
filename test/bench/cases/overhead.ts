import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFarm } from '../../support/farm.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { catalogueRows, inProcess, type Row } from '../cell/in-process.ts';
import { recording } from '../cell/recording.ts';
import { fetchSdist } from '../cell/sdist.ts';
import { atMost, measure, ratios } from '../measure.ts';

const scout = 'cp311-manylinux_x86_64';
const parallel = 2;

export const overhead: BenchCase = {
  name: 'overhead',
  compares: 'The eight MarkupSafe cells through the farm, from the command to its end, against the same container '
    + 'commands in a bare shell '
    + 'loop with the docker client: same images, fences, files and order, two at a time.',
  run: measured,
};

async function measured({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  try {
    const rows = (await catalogueRows()).filter((row) => !short || [scout,
      'cp311-manylinux_aarch64'].includes(row.target));
    const loop = await writeLoop(folder, rows, say);
    const farms: number[] = [];
    const shells: number[] = [];
    for (let at = 0; at < (short ? 1 : 3); at += 1) {
      farms.push(await farmSeconds(rows));
      shells.push(await shellSeconds(loop));
      say(`farm ${farms.at(-1)?.toFixed(1)} s, shell ${shells.at(-1)?.toFixed(1)} s`);
    }
    return {
      measures: [
        measure('farm over bare shell loop', 'ratio', ratios(farms, shells), atMost(1.25)),
        measure('farm', 's', farms),
        measure('bare shell loop', 's', shells),
      ],
      notes: [
        `${rows.length} cells. The farm’s side also plans, keeps logs and rows, writes SBOMs, signs and publishes; `
          + `each round has a farm that knows nothing, already up.`,
        'The loop repeats what the worker asked of Docker in a recorded round: containers, files put in, commands, '
          + 'files taken out; without asking how a container is.',
        `The loop has ${parallel} cells at a time; the farm has ${parallel} builds and ${parallel} tests at a time `
          + `on the same cores.`,
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Records every cell once and writes the loop. Answers the path of its script. */
async function writeLoop(folder: string, rows: readonly Row[], say: (line: string) => void): Promise<string> {
  const record = recording(folder);
  const farm = await inProcess({ folder, wrap: record.wrap });
  try {
    const sdist = await fetchSdist('markupsafe', '3.0.2', folder);
    const ordered = [...rows].sort((a, b) => Number(b.target === scout) - Number(a.target === scout));
    for (const row of ordered) {
      const cell = record.begin();
      const { wheel } = await farm.build(row, sdist);
      if (row.test !== 'none' && wheel) await farm.test(row, sdist, wheel);
      await cell.end(join(folder, `${row.target}.sh`));
      say(`recorded ${row.target}`);
    }
    const [first, ...rest] = ordered.map(({ target }) => `${target}.sh`);
    const loop = join(folder, 'loop.sh');
    await writeFile(loop, `set -eu\ncd '${folder}'\nsh ${first}\nprintf '%s\\n' ${rest.join(' ')} | xargs -P `
      + `${parallel} -n 1 sh\n`);
    return loop;
  } finally {
    await farm.close();
  }
}

async function farmSeconds(rows: readonly Row[]): Promise<number> {
  const farm = await startFarm();
  try {
    const began = performance.now();
    const { code, stderr, stdout } = await farm.farm(['build', 'markupsafe==3.0.2', '--targets',
      ...rows.map(({ target }) => target)]);
    const seconds = (performance.now() - began) / 1000;
    if (code !== 0) throw new Error(`the build ended with ${code}: ${stderr.slice(-2_000)}${stdout.slice(-2_000)}`);
    return seconds;
  } finally {
    await farm.stop();
  }
}

async function shellSeconds(script: string): Promise<number> {
  const began = performance.now();
  const child = spawn('sh', [script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => { said += bytes.toString(); });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the shell loop ended with ${code}: ${said.slice(-2_000)}`);
  return (performance.now() - began) / 1000;
}
