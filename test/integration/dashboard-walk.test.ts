/** A walk through the pages in a browser: what each of them must show of a farm that has built something. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure } from '../../orchestrator/domain/failure.ts';
import { openedLease, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist, makeWheel } from '../support/distributions.ts';
import { sha256Of } from '../support/index-plane.ts';
import { openPage, startBrowser, startPagesPlane, type OpenedPage, type PagesPlane } from '../support/pages-plane.ts';

const [x86, arm, newer, musl] = ['cp311-manylinux_x86_64', 'cp311-manylinux_aarch64', 'cp313-manylinux_x86_64', 'cp313-musllinux_x86_64'] as const;
const name = 'walk';
const wheel = 'walk-1.1-cp311-cp311-manylinux_2_17_x86_64.whl';
const library = 'walk.libs/libz-1a2b3c.so.1';
let pages: PagesPlane;
let plane: ControlPlane;
let browser: Browser;
let context: BrowserContext;
let buildId: string;
let attemptId: string;

beforeAll(async () => {
  [pages, browser] = await Promise.all([startPagesPlane(), startBrowser()]);
  ({ plane } = pages);
  plane.upstream.offer(name, makeWheel({ name, version: '1.1', tag: 'cp313-cp313-manylinux_2_17_x86_64' }));
  await release('1.0', { [x86]: ['succeeded', 'passed'], [arm]: ['succeeded', 'passed'], [newer]: ['succeeded', 'passed'], [musl]: ['succeeded', 'no-runner'] });
  const blocked = failure('FARM_BLOCKED', 'requires', { name: 'numpy', target: newer });
  const broken = failure('FARM_COMPILE_ERROR', 'build', { why: 'x.c: no', what: 'walk', target: arm }, { text: 'x.c:1: error: no' });
  ({ buildId } = await release('1.1', { [x86]: ['succeeded', 'passed'], [arm]: ['failed', null, broken], [newer]: ['blocked', null, blocked], [musl]: ['covered', null] }));
  await wheelOf(buildId);
  await plane.database.prisma.platformAsk.createMany({ data: ['a', 'b'].map((asker) => ({ project: name, platform: 'musllinux_x86_64', asker, why: asker === 'a' ? 'my router' : '' })) });
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(30_000);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await pages?.stop();
});

type Cells = Readonly<Record<string, readonly [state: string, tested: string | null, failed?: unknown]>>;

/** Builds a release and gives its cells the ends that a test says. */
async function release(version: string, cells: Cells): Promise<{ buildId: string }> {
  plane.upstream.offer(name, await makeSdist({ name, version }));
  const { id, planSha256 } = await plane.builds.start({ what: `${name}==${version}`, targets: [] });
  if (version === '1.1') ({ attemptId } = await openedLease(plane, id, x86));
  for (const [target, [state, tested, failed]] of Object.entries(cells)) {
    await plane.database.prisma.cell.updateMany({ where: { planSha256, target }, data: { state, tested, ...(failed ? { failure: failed as never } : {}), ...(state === 'covered' ? { coveredBy: x86 } : {}) } });
  }
  await plane.database.prisma.build.update({ where: { id }, data: { state: 'succeeded', endedAt: new Date() } });
  return { buildId: id };
}

/** The wheel of one cell with everything that its page shows: requirements, a grafted library, an SBOM, a second build. */
async function wheelOf(id: string): Promise<void> {
  const { prisma } = plane.database;
  const grafted = { path: library, sha256: sha256Of('zlib'), bytes: 10 };
  const sbom = await plane.blobs.put(Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', components: [{ name: 'zlib', hashes: [{ alg: 'SHA-256', content: grafted.sha256 }], licenses: [{ expression: 'Zlib' }] }] })));
  const made = {
    state: 'succeeded', attemptKey: 'k'.repeat(64), builtSha256: sha256Of('built'), wheelSha256: sha256Of(wheel), wheelFilename: wheel, wheelBytes: 1234n, sbomSha256: sbom.sha256, endedAt: new Date(),
    lock: [{ name: 'setuptools', version: '80.9.0', filename: 'setuptools-80.9.0-py3-none-any.whl', sha256: sha256Of('setuptools') }],
    outcome: { kind: 'build', state: 'succeeded', wheel: { sha256: sha256Of('built'), filename: wheel, bytes: 1234 }, compilerCalls: 3, compilerFailures: 0, notes: [], audit: {}, grafted: [grafted] },
    testOutcome: { kind: 'test', state: 'succeeded', tested: 'passed', how: 'pip', lock: [] },
  };
  await prisma.attempt.update({ where: { id: attemptId }, data: made as never });
  const { planSha256 } = await prisma.build.findUniqueOrThrow({ where: { id } });
  await prisma.cell.updateMany({ where: { planSha256, target: x86 }, data: { attemptId, wheelSha256: sha256Of(wheel), wheelFilename: wheel } });
  const again = await prisma.attempt.findUniqueOrThrow({ where: { id: attemptId } });
  await prisma.attempt.create({ data: { ...again, id: 'second', number: 2 } as never });
  await prisma.file.create({ data: { filename: wheel, sha256: sha256Of(wheel), bytes: 1234n, project: name, version: '1.1', kind: 'wheel', uploadTime: new Date(), buildId: id, attemptId, target: x86, serial: 1n, requiresPython: '>=3.11' } });
  await prisma.attestation.create({ data: { statementSha256: sha256Of('statement'), fileSha256: sha256Of(wheel), filename: wheel, kind: 'provenance', predicateType: 'https://slsa.dev/provenance/v1', bundle: {} } });
}

/** Remembers moves of what was there already, that no press of a person caused. */
const moves = 'window.moved = []; new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) window.moved.push([one.value, one.sources.map(({ node }) => node?.nodeName + "." + node?.className).join(" ")]); }).observe({ type: "layout-shift", buffered: true })';
const open = (path: string, width = 1440): Promise<OpenedPage> => openPage(context, pages.url + path, { width, first: moves });
const section = (page: Page, title: string | RegExp): ReturnType<Page['locator']> => page.locator('section').filter({ has: page.getByRole('heading', { name: title }) });

describe('all projects', () => {
  test('show coverage at a glance, what misses most with who asked for it, and what blocks most', async () => {
    await using opened = await open('/');
    const { page } = opened;
    expect(await page.locator('.projects li', { hasText: name }).first().innerText()).toMatch(/2 of 4, 2 failed[\s\S]*/);
    expect(await section(page, 'Platforms that miss most').innerText()).toMatch(/Linux aarch64[\s\S]*1 of 1/);
    expect(await section(page, 'Platforms that miss most').innerText()).toContain('2 requests');
    expect(await section(page, 'Blocked by').innerText()).toMatch(/numpy\s+1 cell of 1 project/);
    await page.getByPlaceholder('Search projects').fill('no such project');
    await page.getByText('0 projects').waitFor();
    expect(new URL(page.url()).search).toBe('?q=no%20such%20project');
    expect(opened.wrong).toEqual([]);
  });
});

describe('a project', () => {
  test('shows regressions first, every cell with its cause in words, and what the index upstream has', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    expect(await page.locator('main h2').first().innerText()).toBe('2 regressions');
    expect(await section(page, /regressions/).innerText()).toMatch(new RegExp(`${arm} had a wheel in 1\\.0, not in 1\\.1: FARM_COMPILE_ERROR`));
    const words = await page.evaluate<string[]>("[...document.querySelectorAll('.grid [data-row=\"0\"]')].map((cell) => cell.ariaLabel)");
    expect(words.join('\n')).toMatch(/built here[\s\S]*tests passed/);
    expect(words.join('\n')).toMatch(/failed[\s\S]*FARM_COMPILE_ERROR/);
    expect(words.join('\n')).toMatch(/blocked by a requirement[\s\S]*upstream/);
    expect(words.join('\n')).toContain('covered by another wheel');
    expect(await page.locator('.summary').innerText()).toMatch(/On the upstream index\s+1 of 4[\s\S]*1 only there/);
    expect(opened.wrong).toEqual([]);
  });

  test('opens a cell with attempt, log, SBOM, attestation, size and the lines that verify it, also after a part was built again', async () => {
    const again = await plane.builds.start({ what: `${name}==1.1`, targets: [arm], again: true });
    expect(again.id).not.toBe(buildId);
    await plane.records.endBuild(again.id, 'failed');
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    await page.locator(`.grid [data-row="0"][data-target="${x86}"]`).click();
    const drawer = page.locator('.drawer');
    await drawer.getByLabel('Verify', { exact: true }).waitFor();
    expect(await drawer.getByLabel('Verify', { exact: true }).innerText()).toContain(`${wheel}.sigstore.json`);
    expect(await drawer.innerText()).toMatch(/Size\s+1\.2 kB/);
    expect(await drawer.locator('.facts [title="1,234 bytes"]').count()).toBe(1);
    expect(await drawer.getByRole('link').allInnerTexts()).toEqual(expect.arrayContaining(['Attempt and log', 'SBOM', 'Attestation']));
  });

  test('takes a wish for a platform of anybody, and its owners see it beside what is missing', async () => {
    await using opened = await open(`/projects/${name}`);
    const { page } = opened;
    await page.getByRole('link', { name: 'Ask for a platform' }).click();
    await page.getByRole('combobox', { name: /^Platform/ }).selectOption('win_arm64');
    await page.getByLabel(/What for/).fill('a laptop');
    await page.getByRole('button', { name: 'Ask' }).click();
    await section(page, 'Requests for platforms').getByText('a laptop').waitFor();
    expect(await section(page, 'Requests for platforms').innerText()).toMatch(/Windows arm64[\s\S]*1 request/);
  });
});

describe('a file', () => {
  test('shows its sdist beside upstream’s digest, image, requirements, grafted libraries with licences, and whether it was reproduced', async () => {
    await using opened = await open(`/file/${wheel}`);
    const { page } = opened;
    expect(await section(page, 'Source').innerText()).toMatch(/walk-1\.1\.tar\.gz[\s\S]*✓ Equal to the digest that the upstream index gives/);
    expect(await section(page, 'Reproduced').innerText()).toContain('✓ Yes 2 builds with the same inputs gave the same bytes.');
    await section(page, 'Grafted libraries').getByText('Zlib').waitFor();
    expect(await section(page, 'Grafted libraries').innerText()).toContain(library);
    expect(await section(page, 'Made with').innerText()).toContain('setuptools 80.9.0');
    expect(await page.getByLabel('Verify with the stock client', { exact: true }).innerText()).toContain('python -m sigstore');
    expect(opened.wrong).toEqual([]);
  });
});

describe('the farm', () => {
  test('says what waits for what, and who works on what', async () => {
    plane.upstream.offer('waits', await makeSdist({ name: 'waits', version: '1.0' }));
    const { id } = await plane.builds.start({ what: 'waits==1.0', targets: [] });
    await openedLease(plane, id, x86);
    await using queue = await open('/queue');
    await queue.page.getByRole('row', { name: new RegExp(`waits 1\\.0 ${arm}`) }).waitFor();
    expect(await queue.page.getByRole('row', { name: new RegExp(`waits 1\\.0 ${arm}`) }).innerText()).toMatch(/a place in linux-amd64, \d+ before it/);
    await using workers = await open('/workers');
    expect(await workers.page.getByRole('row', { name: /^w1/ }).innerText()).toContain(`waits 1.0 ${x86}`);
    await plane.records.endBuild(id, 'cancelled');
  });

  test('moves nothing that was there while a page comes, wide and narrow', async () => {
    const all: string[] = [];
    for (const width of [1440, 360]) {
      for (const path of ['/', `/projects/${name}`, `/attempts/${attemptId}`, `/file/${wheel}`, '/queue', '/feed', '/status']) {
        await using opened = await open(path, width);
        await opened.page.waitForTimeout(300);
        const moved = await opened.page.evaluate<[number, string][]>('window.moved');
        // 0.1 is what Core Web Vitals calls good; here it must be a tenth of that.
        if (moved.reduce((sum, [value]) => sum + value, 0) > 0.01) all.push(`${path} ${width}: ${JSON.stringify(moved)}`);
      }
    }
    expect(all).toEqual([]);
  }, 180_000);
});
