import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pagesOf } from '../../../orchestrator/adapters/pages/pages.ts';
import { openedLease, startedBuild, type ControlPlane } from '../../support/control-plane.ts';
import { delivery, tagPush } from '../../support/github-server.ts';
import { startBrowser, startPagesPlane, webhookSecret, type PagesPlane } from '../../support/pages-plane.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { atMost, measure } from '../measure.ts';

const watchers = 200;
const versions = 300;
const pythons = ['cp39', 'cp310', 'cp311', 'cp312', 'cp313', 'cp314'];
const platforms = ['manylinux_x86_64', 'manylinux_aarch64', 'manylinux_armv7l', 'manylinux_ppc64le', 'musllinux_x86_64', 'musllinux_aarch64', 'win_amd64', 'win_arm64', 'macosx_x86_64', 'macosx_arm64'];
/** Moves of the watched build in a second: two workers whose cells change their step all the time. */
const movesPerSecond = 5;

export const pages: BenchCase = {
  name: 'pages',
  compares: `${watchers} open pages that watch one build against none, and a project of ${versions} versions × ${pythons.length * platforms.length} targets.`,
  run: benchPages,
};

async function benchPages({ short, say }: CaseOptions): Promise<CaseResult> {
  const started = await startPagesPlane();
  try {
    const rounds = short ? 1 : 3;
    const shares: number[] = [];
    const words: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const alone = await shareOf(started, 0, short ? 5 : 10);
      const watched = await shareOf(started, watchers, short ? 5 : 10);
      shares.push(100 * (watched.share - alone.share));
      words.push(watched.words / watchers);
      say(`round ${round + 1}: ${(100 * watched.share).toFixed(1)} % of a core with pages, ${(100 * alone.share).toFixed(1)} % without`);
    }
    await seedBig(started.plane);
    const { kept, moved, first } = await answerTimes(started.plane, short ? 5 : 20);
    const processor = await answerProcessor(started.plane, short ? 10 : 50);
    const interactive = await interactiveTimes(started, short ? 1 : 5);
    const pushed = await pushedTimes(started, short ? 2 : 10);
    return {
      measures: [
        measure(`what ${watchers} pages that watch one build cost the server`, '% of a core', shares, atMost(10)),
        measure('words that each of them was told', 'words', words),
        measure(`answer with ${versions} versions × ${pythons.length * platforms.length} targets`, 'ms', kept, atMost(50)),
        measure('that answer after a cell has moved', 'ms', moved, atMost(50)),
        measure('that answer where nothing of it is kept, as after a start', 'ms', first, atMost(50)),
        measure('processor time of an answer after a cell has moved, server and Postgres together', 'ms', [processor], atMost(50)),
        measure('a pushed tag, from the webhook that is sent to the open page in Chromium that shows it', 'ms', pushed, atMost(2000)),
        measure('that page in Chromium, from the address to a grid that answers', 'ms', interactive, atMost(1000)),
      ],
      notes: [
        `The watched build moves ${movesPerSecond} times a second. The pages are ${watchers} streams of another process; the cost is the server's processor time with them less that without them, while the same moves are made.`,
        'Times on the clock are of the machine as it was: the load stands below, and what others took is in them. Processor time is not.',
        'The grid is measured with the browser and the server on the same two cores; the first visit, which fills the cache of scripts, is not counted.',
      ],
    };
  } finally {
    await started.stop();
  }
}

/** The share of a core that the server takes while a build moves and so many pages watch it. */
async function shareOf({ plane, url }: PagesPlane, count: number, seconds: number): Promise<{ share: number; words: number }> {
  const { name, buildId } = await startedBuild(plane);
  const lease = await openedLease(plane, buildId, 'cp311-manylinux_x86_64');
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'pages', 'watchers.ts'), `${url}/api/live?project=${name}`, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (piece: Buffer) => { said += piece.toString(); });
  while (count > 0 && !said.includes('open')) await pause(50);
  said = '';
  await pause(500);
  const before = process.cpuUsage();
  const began = performance.now();
  for (let move = 0; move < seconds * movesPerSecond; move += 1) {
    await plane.door.event(lease, { step: move % 2 === 0 ? 'requires' : 'build', state: 'started' });
    await plane.database.prisma.cell.updateMany({ where: { target: 'cp313-manylinux_x86_64', plan: { builds: { some: { id: buildId } } } }, data: { state: move % 2 === 0 ? 'running' : 'queued' } });
    await pause(Math.max(0, ((move + 1) * 1000) / movesPerSecond - (performance.now() - began)));
  }
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - began);
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  if (child.exitCode === null) await closed;
  return { share, words: Number(said.trim() || 0) };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A project with a long history: four of five cells have a wheel. */
async function seedBig({ database: { prisma } }: ControlPlane): Promise<void> {
  const targets = pythons.flatMap((python) => platforms.map((platform) => `${python}-${platform}`));
  await prisma.project.create({ data: { name: 'big', displayName: 'Big' } });
  const all = Array.from({ length: versions }, (_, at) => ({ version: `${Math.floor(at / 20)}.${at % 20}.0`, release: randomUUID(), plan: sha256(`plan ${at}`) }));
  const upstreamFiles = (version: string): string[] => targets.slice(0, 40).map((target) => {
    const [python = '', platform = ''] = target.split('-');
    return `big-${version}-${python}-${python}-${platform.replace(/^(many|musl)linux_/, '$1linux_2_17_')}.whl`;
  });
  await prisma.release.createMany({ data: all.map(({ version, release }) => ({ id: release, project: 'big', version, sdistSha256: sha256(version), sdistFilename: `big-${version}.tar.gz`, origin: 'index', upstreamFiles: upstreamFiles(version) })) });
  await prisma.plan.createMany({ data: all.map(({ release, plan }) => ({ sha256: plan, coreSha256: plan, releaseId: release, text: '{}' })) });
  await prisma.build.createMany({ data: all.map(({ plan }) => ({ id: randomUUID(), planSha256: plan, state: 'succeeded', endedAt: new Date() })) });
  const states = ['succeeded', 'succeeded', 'covered', 'succeeded', 'failed'];
  for (const { plan } of all) {
    await prisma.cell.createMany({ data: targets.map((target, at) => ({ planSha256: plan, target, state: states[at % 5] ?? 'failed', tested: at % 5 === 4 ? null : 'passed' })) });
  }
  await prisma.$executeRaw`analyze cell`;
}

interface AnswerTimes { readonly kept: number[]; readonly moved: number[]; readonly first: number[] }

/** Moves a cell of the middle of the history, and tells nobody. */
async function moveCell({ database }: ControlPlane, round: number): Promise<void> {
  await database.pool.query("update cell set state = $1 where plan_sha256 = $2 and target = 'cp311-win_amd64'", [round % 2 === 0 ? 'failed' : 'succeeded', sha256('plan 150')]);
}

async function answerTimes(plane: ControlPlane, rounds: number): Promise<AnswerTimes> {
  const { app, ports: { database, blobs, catalogue, index } } = plane;
  const times: AnswerTimes = { kept: [], moved: [], first: [] };
  const timed = async (answer: () => Promise<Buffer>): Promise<number> => {
    const began = performance.now();
    const json = await answer();
    const ms = performance.now() - began;
    if ((JSON.parse(json.toString()) as { rows: unknown[] }).rows.length !== versions) throw new Error('the grid is not whole');
    return ms;
  };
  const ask = async (): Promise<Buffer> => (await app.inject({ url: '/api/projects/big' })).rawPayload;
  for (let round = 0; round <= rounds; round += 1) {
    const first = await timed(async () => (await pagesOf({ database, blobs, catalogue, names: { identity: '', issuer: '', index } }).project('big')).json);
    await moveCell(plane, round);
    const moved = await timed(ask);
    const kept = await timed(ask);
    if (round === 0) continue;
    times.first.push(first);
    times.moved.push(moved);
    times.kept.push(kept);
  }
  return times;
}

/** Processor time of this process and of its connections' Postgres for one answer: what waits for others is not in it. @unit milliseconds */
async function answerProcessor(plane: ControlPlane, rounds: number): Promise<number> {
  const { app, database } = plane;
  const { rows } = await database.pool.query<{ pid: number }>('select pid from pg_stat_activity where datname = current_database()');
  // Fields 14 and 15 of stat, user and system time in ticks of 10 ms; they are counted after the name, which may hold spaces.
  const ticks = (): number => rows.reduce((sum, { pid }) => {
    const fields = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ') : [];
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
  const [ticksBefore, before] = [ticks(), process.cpuUsage()];
  for (let round = 0; round < rounds; round += 1) {
    await moveCell(plane, round);
    await app.inject({ url: '/api/projects/big' });
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1000 + (ticks() - ticksBefore) * 10) / rounds;
}

async function interactiveTimes({ url }: PagesPlane, rounds: number): Promise<number[]> {
  const browser = await startBrowser();
  try {
    const context = await browser.newContext();
    const times: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const page = await context.newPage();
      await page.goto(`${url}/projects/big`, { waitUntil: 'commit' });
      await page.waitForSelector('.cell[data-row="5"]');
      // It answers when a turn of the page's own loop is through.
      const ms = await page.evaluate<number>('new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))');
      if (round > 0) times.push(ms);
      await page.close();
    }
    return times;
  } finally {
    await browser.close();
  }
}

/** From the first byte of a signed push to the row of its tag on an open page of 300 versions. */
async function pushedTimes({ plane, url }: PagesPlane, rounds: number): Promise<number[]> {
  const { prisma } = plane.database;
  await prisma.repository.create({ data: { id: 'pushed', githubId: 4_711n, fullName: 'acme/big', url: 'https://github.example/acme/big', defaultBranch: 'main', tags: {} } });
  await prisma.registration.create({ data: { project: 'big', repositoryId: 'pushed', targets: [], proof: { kind: 'free', evidence: '', by: '', at: new Date().toISOString() }, registeredBy: 'bench', versions: [] } });
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/projects/big`);
    await page.locator('.link.is-live').waitFor();
    const times: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const { payload, headers } = delivery('push', tagPush({ id: 4_711, fullName: 'acme/big' }, `v90.${round}`, 'c'.repeat(40)), webhookSecret);
      const began = performance.now();
      const [answer] = await Promise.all([
        fetch(`${url}/hooks/github`, { method: 'POST', headers, body: new Uint8Array(payload) }), page.waitForSelector(`[data-trigger="v90.${round}"]`),
      ]);
      if (answer.status !== 202) throw new Error(`the webhook was answered ${answer.status}`);
      if (round > 0) times.push(performance.now() - began);
    }
    return times;
  } finally {
    await browser.close();
  }
}
