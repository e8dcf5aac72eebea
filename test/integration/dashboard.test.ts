import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProjectView } from '../../orchestrator/contract/pages.ts';
import { failure, type Failure } from '../../orchestrator/domain/failure.ts';
import { tellRepository } from '../../orchestrator/adapters/prisma/registration-rows.ts';
import { openedLease, startedBuild, type ControlPlane } from '../support/control-plane.ts';
import { delivery, tagPush } from '../support/github-server.ts';
import { openPage, startBrowser, startPagesPlane, webhookSecret, type OpenedPage, type PagesPlane } from '../support/pages-plane.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>';
const native = 'cp311-manylinux_x86_64';
const failed = 'cp313-manylinux_x86_64';
let pages: PagesPlane;
let plane: ControlPlane;
let browser: Browser;
let context: BrowserContext;
let name: string;
let buildId: string;
let attemptId: string;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

beforeAll(async () => {
  [pages, browser] = await Promise.all([startPagesPlane(), startBrowser()]);
  ({ plane } = pages);
  ({ name, buildId } = await startedBuild(plane));
  await plane.database.prisma.project.update({ where: { name }, data: { displayName: evil } });
  const lease = await openedLease(plane, buildId, failed);
  ({ attemptId } = lease);
  await plane.door.event(lease, [{ step: 'fetch', state: 'started' }, { step: 'fetch', state: 'ended', ms: 1234 }, { step: 'build', state: 'started' }]);
  await plane.door.log(lease, 0, bytes(`first ${evil}\n\u001b[31mred error: ${evil}\u001b[0m\n\u001b]0;title\u0007\u001b[2Jcleared\n${'x'.repeat(5000)}\n`));
  const why: Failure = failure('FARM_COMPILE_ERROR', 'build', { why: evil, what: evil, target: evil }, { file: evil, line: 3, text: `red error: ${evil}` });
  await plane.door.outcome(lease, { kind: 'build', state: 'failed', failure: why });
  await plane.database.prisma.cell.updateMany({ where: { target: 'cp313-musllinux_x86_64' }, data: { state: 'unsupported', notes: [evil] } });
  await plane.database.prisma.platformAsk.create({ data: { project: name, platform: 'win_arm64', asker: evil, why: evil } });
  await plane.database.prisma.auditEvent.create({ data: { actor: evil, via: 'token', action: evil, project: evil, status: 200, detail: { why: evil } } });
  await plane.database.prisma.file.create({ data: {
    filename: `${name}-1.0-py3-none-any.whl`, sha256: 'a'.repeat(64), bytes: 1234n, project: name, version: '1.0', kind: 'wheel', uploadTime: new Date(),
    buildId, attemptId, target: failed, serial: 1n, requiresPython: evil, yanked: evil,
  } });
  await plane.database.prisma.attestation.create({ data: { statementSha256: 'b'.repeat(64), fileSha256: 'a'.repeat(64), filename: 'x', kind: 'publish', predicateType: evil, bundle: {} } });
  const repository = await plane.database.prisma.repository.create({ data: { id: 'r', githubId: 1n, fullName: evil, url: 'https://github.example/a/b', defaultBranch: evil, tags: {} } });
  await plane.database.prisma.registration.create({ data: { project: name, repositoryId: repository.id, targets: [], proof: { kind: 'approval', evidence: evil, by: evil, at: new Date().toISOString() }, registeredBy: evil, versions: [] } });
  await plane.database.prisma.trigger.create({ data: { id: 't', key: 't', repositoryId: repository.id, cause: 'webhook', ref: evil, commit: 'c'.repeat(40), state: 'failed', parts: [{ project: name, version: evil, sourceId: null, buildId: null, failure: why }] as never } });
  await plane.database.prisma.alert.create({ data: { id: 'a', key: 'a', repository: repository.url, failure: failure('FARM_TAG_MOVED', 'plan', { tag: evil, repository: evil, before: 'b'.repeat(40), after: 'c'.repeat(40) }) as never } });
  context = await browser.newContext();
  context.setDefaultTimeout(20_000);
}, 120_000);

afterAll(async () => {
  await browser.close();
  await pages.stop();
});

const open = (path: string, { width = 1440, scheme = 'light' }: { width?: number; scheme?: 'light' | 'dark' } = {}): Promise<OpenedPage> =>
  openPage(context, pages.url + path, { width, media: { colorScheme: scheme, reducedMotion: 'reduce' } });

const allPages = (): string[] => [
  '/', `/projects/${name}`, `/projects/${name}/ask`, `/projects/${name}/edit/1.0`, `/attempts/${attemptId}`, `/file/${name}-1.0-py3-none-any.whl`,
  '/queue', '/workers', '/feed', '/edits', '/register', '/status', '/account', '/audit', '/api',
];

/** Sentences about what axe found; WCAG 2.2 A and AA, and best practices. */
async function found(page: Page): Promise<string[]> {
  // Through the debugger: the page's own policy runs no script of others.
  await page.evaluate(axe);
  const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>('axe.run()');
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join(' | ')}`);
}

describe('every page', () => {
  test('runs nothing of what strangers wrote, and shows it as text', async () => {
    for (const path of allPages()) {
      await using opened = await open(path);
      expect(opened.wrong, path).toEqual([]);
      expect(await opened.page.evaluate('window.pwned'), path).toBeUndefined();
      expect(await opened.page.locator('main img[src="x"], main script').count(), path).toBe(0);
    }
    await using project = await open(`/projects/${name}`);
    expect(await project.page.locator('h1').innerText()).toBe(evil);
    await project.page.locator(`[data-target="${failed}"]`).click();
    await project.page.locator('.drawer .cause').waitFor();
    expect(await project.page.locator('.drawer .cause').innerText()).toContain(evil);
    expect(project.wrong).toEqual([]);
  }, 120_000);

  test('escapes the words of strangers in the feed and on a badge, too', async () => {
    for (const path of ['/feed.xml', `/badge/${name}.svg`]) {
      const answer = await fetch(pages.url + path);
      expect([path, answer.status]).toEqual([path, 200]);
      const text = await answer.text();
      expect(text).toMatch(/^<(\?xml|svg)/);
      expect(text).not.toMatch(/<img|<script/);
    }
  });

  test('has nothing that axe finds, in light and dark, wide and narrow', async () => {
    const looks = [{ width: 1440, scheme: 'light' }, { width: 360, scheme: 'dark' }] as const;
    const all: string[] = [];
    for (const look of looks) {
      for (const path of allPages()) {
        await using opened = await open(path, look);
        all.push(...(await found(opened.page)).map((one) => `${path} ${look.width} ${look.scheme}: ${one}`));
        const over = await opened.page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        if (over > 0) all.push(`${path} ${look.width}: ${over} pixels too wide`);
      }
    }
    await using drawer = await open(`/projects/${name}`, { scheme: 'dark' });
    await drawer.page.locator(`[data-target="${failed}"]`).click();
    await drawer.page.locator('.drawer .cause').waitFor();
    all.push(...await found(drawer.page));
    expect(all).toEqual([]);
  }, 180_000);

  test('has its first view from less than 200 KB of script', async () => {
    const fresh = await browser.newContext();
    const page = await fresh.newPage();
    await page.goto(`${pages.url}/projects/${name}`);
    await page.waitForSelector('.grid');
    const total = await page.evaluate<number>("performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js')).reduce((sum, one) => sum + one.encodedBodySize, 0)");
    await fresh.close();
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(200_000);
  });
});

describe('a page moves by itself', () => {
  test('a cell that a worker takes is seen within a second, and nothing was loaded again', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    await page.locator('.link.is-live').waitFor();
    await page.evaluate('window.same = true');
    const cell = page.locator(`[data-target="${native}"]`);
    expect(await cell.getAttribute('data-state')).toBe('queued');
    const lease = await openedLease(plane, buildId, native);
    const began = Date.now();
    await page.waitForSelector(`[data-target="${native}"][data-state="running"]`);
    expect(Date.now() - began).toBeLessThan(1000);
    expect(await page.evaluate('window.same')).toBe(true);
    await using log = await open(`/attempts/${lease.attemptId}`);
    await log.page.locator('.link.is-live').waitFor();
    await plane.door.log(lease, 0, bytes('one\ntw'));
    await log.page.getByText('one', { exact: true }).waitFor();
    // The connection breaks in the middle of a line and of a character, and nothing is lost or told twice.
    const [smile] = [bytes('o 😀\n')];
    await plane.door.log(lease, 6, smile!.subarray(0, 4));
    plane.app.server.closeAllConnections();
    await plane.door.log(lease, 10, smile!.subarray(4));
    await plane.door.log(lease, 6 + smile!.length, bytes('three\n'));
    await log.page.getByText('three', { exact: true }).waitFor();
    expect((await log.page.locator('.lines li span').allInnerTexts()).map((line) => line.trim())).toEqual(['one', 'two 😀', 'three', '']);
    // Both pages are live again, and the grid has what it missed.
    await plane.database.prisma.cell.updateMany({ where: { target: native }, data: { state: 'failed' } });
    await plane.ports.changes.tellSoon('farm_build', buildId);
    await page.waitForSelector(`[data-target="${native}"][data-state="failed"]`);
  }, 60_000);
});

describe('what is announced', () => {
  test('a tag is on the open page of its project within two seconds, and an alert shows both commits', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page, wrong } = opened;
    await page.locator('.link.is-live').waitFor();
    expect(await page.getByRole('heading', { name: 'Alerts' }).locator('../..').innerText()).toMatch(/b{40}.*c{40}/);
    const began = Date.now();
    const { payload, headers } = delivery('push', tagPush({ id: 1, fullName: 'a/b' }, 'v9.0', 'd'.repeat(40)), webhookSecret);
    expect((await fetch(`${pages.url}/hooks/github`, { method: 'POST', headers, body: new Uint8Array(payload) })).status).toBe(202);
    await page.locator('[data-trigger="v9.0"]').waitFor();
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(await page.locator('[data-trigger="v9.0"]').innerText()).toContain('announced');
    expect(wrong).toEqual([]);
  });

  test('a server that is down or limits is said on the page of the project, live, and where registrations stand', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    await page.locator('.link.is-live').waitFor();
    const limited = failure('FARM_REPOSITORY_LIMIT', 'plan', { repository: 'a/b', why: 'until 2027-01-15T08:00:00Z' });
    await plane.database.prisma.repository.update({ where: { id: 'r' }, data: { failure: limited as never, polledAt: new Date() } });
    await plane.database.prisma.trigger.update({ where: { key: 't' }, data: { state: 'received', failure: limited as never, parts: [] } });
    await tellRepository(plane.database, { id: 'r' });
    const waits = page.locator('section').filter({ hasText: 'Waits for an answer' });
    await waits.getByText('until 2027-01-15T08:00:00Z').waitFor({ timeout: 2_000 });
    expect(await waits.innerText()).toContain('asked again by itself');
    await page.locator('[data-trigger]').filter({ hasText: 'FARM_REPOSITORY_LIMIT' }).waitFor();
    expect(await found(page)).toEqual([]);
    for (const path of ['/status', '/register']) {
      await using other = await open(path);
      await other.page.getByText('until 2027-01-15T08:00:00Z').first().waitFor();
    }
    await plane.database.pool.query("update repository set failure = null where id = 'r'");
    await tellRepository(plane.database, { id: 'r' });
    await waits.waitFor({ state: 'detached' });
  });

  test('an alert is taken off by somebody who may, with a word; every open page follows', async () => {
    const refused = await fetch(`${pages.url}/api/alerts/a/acknowledge`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ why: 'x', by: 'eve' }) });
    expect(refused.status).toBe(401);
    await using first = await open(`/projects/${name}`);
    await using second = await open(`/projects/${name}`);
    await second.page.locator('.link.is-live').waitFor();
    await second.page.getByRole('heading', { name: 'Alerts' }).waitFor();
    await first.page.getByLabel('What was done about it').fill(`asked ${evil}`);
    await first.page.getByRole('button', { name: 'Acknowledge' }).click();
    await second.page.getByRole('heading', { name: 'Alerts' }).waitFor({ state: 'detached', timeout: 2_000 });
    const left = await (await fetch(`${pages.url}/api/alerts`)).json() as unknown[];
    const all = await (await fetch(`${pages.url}/api/alerts?all=1&project=${name}`)).json() as { acknowledged: { why: string } }[];
    expect([left, all.map(({ acknowledged: { why } }) => why)]).toEqual([[], [`asked ${evil}`]]);
    const audit = await plane.database.prisma.auditEvent.findFirst({ where: { action: 'POST /api/alerts/:id/acknowledge', status: 200 } });
    expect(audit).toMatchObject({ project: name, detail: { id: 'a', why: `asked ${evil}` } });
    expect([...first.wrong, ...second.wrong]).toEqual([]);
  });
});

describe('by keyboard', () => {
  test('the grid moves, opens and gives the focus back', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    await page.locator('[data-row="0"][data-column="0"]').focus();
    await page.keyboard.press('ArrowRight');
    const second = await page.evaluate('document.activeElement.dataset.column');
    expect(second).toBe('1');
    await page.keyboard.press('Enter');
    await page.locator('.drawer').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.dataset.column')).toBe('1');
  });

  test('the log is searched and jumps to the first error', async () => {
    await using opened = await open(`/attempts/${attemptId}`);
    const { page } = opened;
    await page.getByText('cleared', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'First error' }).click();
    expect(await page.locator('.lines li.marked').innerText()).toContain(`red error: ${evil}`);
    await page.getByPlaceholder('Search').last().fill('cleared');
    await page.keyboard.press('Enter');
    expect(await page.locator('.lines li.marked').innerText()).toContain('cleared');
    expect(await page.locator('.ansi-red').count()).toBeGreaterThan(0);
  });
});

describe('the grid of a project with a long history', () => {
  const targets = ['cp311', 'cp312', 'cp313'].flatMap((python) => ['manylinux_x86_64', 'musllinux_x86_64', 'win_amd64'].map((platform) => `${python}-${platform}`));
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  beforeAll(async () => {
    const { prisma } = plane.database;
    await prisma.project.create({ data: { name: 'long', displayName: 'Long' } });
    for (let at = 0; at < 120; at += 1) {
      const [version, planSha256] = [`1.${at}`, digest(`long ${at}`)];
      const text = JSON.stringify({
        project: 'long', displayName: 'Long', version, cells: [],
        source: { sdistSha256: planSha256, sdistFilename: `long-${version}.tar.gz`, sdistBytes: 1 },
      });
      await prisma.release.create({ data: {
        id: `long-${at}`, project: 'long', version, sdistSha256: planSha256, sdistFilename: `long-${version}.tar.gz`, origin: 'index',
        plans: { create: { sha256: planSha256, coreSha256: planSha256, text, builds: { create: { id: `build-${at}`, state: 'succeeded', endedAt: new Date() } }, cells: { create: targets.map((target) => ({ target, state: 'succeeded', tested: 'passed' })) } } },
      } });
    }
  });
  const ask = async (headers: Record<string, string> = {}) => plane.app.inject({ url: '/api/projects/long', headers });
  const rowOf = async (version: string) => (await ask()).json<ProjectView>().rows.find((one) => one.version === version);

  test('a change is in the next answer, whoever makes it and though nobody tells', async () => {
    const { prisma, pool } = plane.database;
    const etags = new Set([(await ask()).headers['etag']]);
    /** Each time the answer has what was written, under an ETag that none had before; then it is kept. */
    const sees = async (change: Promise<unknown>, seen: () => Promise<unknown>): Promise<void> => {
      await change;
      expect(await seen()).toBe(true);
      const { etag } = (await ask()).headers;
      expect(etags.has(etag)).toBe(false);
      etags.add(etag);
      expect([etag, (await ask({ 'if-none-match': String(etag) })).statusCode]).toEqual([etag, 304]);
    };
    const plan = digest('long 7');
    await sees(pool.query("update cell set state = 'failed' where plan_sha256 = $1 and target = any($2)", [plan, targets.slice(0, 2)]), async () => /^[^f]*f[^f]*f[^f]*$/.test((await rowOf('1.7'))?.states ?? ''));
    await sees(pool.query("update cell set state = 'succeeded' where plan_sha256 = $1 and target = any($2)", [plan, targets.slice(1, 3)]), async () => /^[^f]*f[^f]*$/.test((await rowOf('1.7'))?.states ?? ''));
    await sees(pool.query("delete from cell where plan_sha256 = $1 and state = 'failed'", [plan]), async () => (await rowOf('1.7'))?.states.length === 8);
    await sees(prisma.build.update({ where: { id: 'build-7' }, data: { state: 'running', endedAt: null } }), async () => (await rowOf('1.7'))?.state === 'running');
    await sees(prisma.build.create({ data: { id: 'again', planSha256: plan, state: 'failed' } }), async () => (await rowOf('1.7'))?.buildId === 'again');
    await sees(prisma.release.update({ where: { id: 'long-8' }, data: { upstreamFiles: ['long-1.8-cp311-cp311-win_amd64.whl'] } }), async () => /^0*10*$/.test((await rowOf('1.8'))?.upstream ?? ''));
    await sees(prisma.file.create({ data: { filename: 'long-1.9.tar.gz', sha256: digest('file'), bytes: 1n, project: 'long', version: '1.9', kind: 'sdist', uploadTime: new Date(), serial: 9n } }), async () => (await rowOf('1.9'))?.published === 1);
    await sees(prisma.platformAsk.create({ data: { project: 'long', platform: 'win_arm64', asker: 'a', why: '' } }), async () => (await ask()).json<ProjectView>().asks.length === 1);
    await sees(prisma.project.update({ where: { name: 'long' }, data: { displayName: 'Longer' } }), async () => (await ask()).json<ProjectView>().displayName === 'Longer');
    const other = digest('another plan');
    await sees(prisma.plan.create({ data: { sha256: other, coreSha256: other, releaseId: 'long-10', text: '{}', builds: { create: { id: 'other' } }, cells: { create: { target: 'cp314-win_amd64' } } } }), async () => (await rowOf('1.10'))?.states.length === 10);
    expect(etags.size).toBe(11);
    // A transaction that began first and ends last is not passed over.
    const late = await pool.connect();
    await late.query('begin');
    await late.query("update cell set state = 'covered' where plan_sha256 = $1 and target = $2", [digest('long 20'), targets[0]]);
    await pool.query("update cell set state = 'failed' where plan_sha256 = $1 and target = $2", [digest('long 20'), targets[1]]);
    expect((await rowOf('1.20'))?.states.match(/[cf]/g)).toEqual(['f']);
    await late.query('commit');
    late.release();
    expect((await rowOf('1.20'))?.states.match(/[cf]/g)?.sort()).toEqual(['c', 'f']);
  });

  test('only the rows that are seen are there; keys go through all of them and nothing moves', async () => {
    await using opened = await open('/projects/long');
    const { page, wrong } = opened;
    const there = (): Promise<number> => page.locator('.grid tbody tr[aria-rowindex]').count();
    const focused = (): Promise<string> => page.evaluate('document.activeElement.dataset.row ?? document.activeElement.className');
    expect(await there()).toBeLessThan(40);
    expect(await page.locator('.grid table').getAttribute('aria-rowcount')).toBe('122');
    const size = (): Promise<string> => page.evaluate("(() => { const { scrollHeight, scrollWidth } = document.querySelector('.grid'); return `${scrollWidth} ${scrollHeight}`; })()");
    const before = await size();
    await page.locator('.cell[data-row="0"][data-column="0"]').focus();
    for (const row of ['10', '20', '30']) {
      await page.keyboard.press('PageDown');
      await expect.poll(focused).toBe(row);
    }
    expect(await there()).toBeLessThan(50);
    // The wheel takes the row away: the focus stays in the grid, and keys go on from there.
    await page.evaluate("document.querySelector('.grid').scrollTop = 3000");
    await page.waitForSelector('.cell[data-row="90"]');
    await expect.poll(focused).toBe('grid');
    expect(await page.locator('.cell[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe('31');
    await page.keyboard.press('Enter');
    await page.locator('.drawer').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.drawer').waitFor({ state: 'detached' });
    expect(await focused()).toBe('31');
    await page.locator('.cell[data-row="31"][data-column="1"]').hover();
    expect(await page.locator('.cell[data-row="31"][data-column="1"]').getAttribute('title')).toContain('built here, tests passed');
    await page.getByRole('button', { name: '1.87', exact: true }).click();
    expect(await page.getByRole('dialog').innerText()).toContain('1.87');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await size()).toBe(before);
    expect([await found(page), wrong]).toEqual([[], []]);
  });
});

describe('who may do what', () => {
  test('a token signs a browser in, the page offers what its role may, and ends when it is revoked', async () => {
    const asked = await fetch(`${pages.url}/api/tokens`, {
      method: 'POST', headers: { authorization: 'Bearer api-token-of-the-test', 'content-type': 'application/json' }, body: JSON.stringify({ name: 'a reader', role: 'viewer' }),
    });
    const { token, id } = await asked.json() as { token: string; id: string };
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    // A forwarded page is no page of this machine: nobody is signed in by opening it.
    await other.setExtraHTTPHeaders({ 'x-forwarded-for': '203.0.113.9' });
    await other.goto(`${pages.url}/sign-in`);
    await other.getByLabel('Token').fill(token);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByText('Signed in as').waitFor();
    await other.goto(`${pages.url}/`);
    await other.getByText('Building takes the role trigger.').waitFor();
    await fetch(`${pages.url}/api/tokens/${id}`, { method: 'DELETE', headers: { authorization: 'Bearer api-token-of-the-test' } });
    await other.goto(`${pages.url}/account`);
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
    await stranger.close();
  });

  test('what was typed in an edit is there again after signing in, and after a reload', async () => {
    const asked = await fetch(`${pages.url}/api/tokens`, {
      method: 'POST', headers: { authorization: 'Bearer api-token-of-the-test', 'content-type': 'application/json' }, body: JSON.stringify({ name: 'an editor', role: 'maintainer' }),
    });
    const { token } = await asked.json() as { token: string };
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    await other.setExtraHTTPHeaders({ 'x-forwarded-for': '203.0.113.9' });
    await other.goto(`${pages.url}/projects/${name}/edit/1.0`);
    await other.getByLabel('Value').fill('numpy<3');
    await other.getByLabel('Deliver as').selectOption('post');
    await other.getByText('what you typed stays').getByRole('link', { name: 'Sign in' }).click();
    await other.getByLabel('Token').fill(token);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { name: /^Edit the metadata/ }).waitFor();
    expect(new URL(other.url()).pathname).toBe(`/projects/${name}/edit/1.0`);
    expect([await other.getByLabel('Value').inputValue(), await other.getByLabel('Deliver as').inputValue()]).toEqual(['numpy<3', 'post']);
    await other.reload();
    expect(await other.getByLabel('Value').inputValue()).toBe('numpy<3');
    await stranger.close();
  });
});
