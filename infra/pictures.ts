/**
 * Takes the pictures of docs/pictures from the pages of a farm that is up and has built something.
 * `node infra/pictures.ts ADDRESS PROJECT [TARGET]`
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { browserOf } from './setup/browser.ts';

const [address, project, target] = process.argv.slice(2);
if (!address || !project) throw new Error('usage: node infra/pictures.ts ADDRESS PROJECT [TARGET]');
const folder = join(import.meta.dirname, '..', 'docs', 'pictures');
const executablePath = browserOf(process.env);
if (!executablePath) throw new Error('no Chromium: ./farm doctor says how to get one');

interface Picture { readonly name: string; readonly path: string; readonly width: number; readonly scheme: 'light' | 'dark'; readonly click?: string }

async function take(browser: Browser, { name, path, width, scheme, click }: Picture): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height: width < 500 ? 780 : 760 }, colorScheme: scheme, reducedMotion: 'reduce' });
  await page.goto(new URL(path, address).href);
  await page.waitForSelector('h1');
  await page.waitForSelector('.waiting', { state: 'detached' });
  if (click) {
    await page.locator(click).first().click();
    await page.waitForSelector('.drawer .facts');
  }
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
}

const builds = await (await fetch(new URL('/api/builds?limit=50', address))).json() as { project: string; cells: { attemptId: string | null; target: string }[] }[];
const attempt = builds.filter((build) => build.project === project).flatMap(({ cells }) => cells)
  .find((cell) => cell.attemptId !== null && (target === undefined || cell.target === target))?.attemptId;
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
try {
  await take(browser, { name: 'projects', path: '/', width: 1280, scheme: 'light' });
  await take(browser, { name: 'project', path: `/projects/${project}`, width: 1280, scheme: 'light' });
  await take(browser, { name: 'cell', path: `/projects/${project}`, width: 1280, scheme: 'dark', click: target ? `[data-target="${target}"]` : '[data-state="failed"], [data-state="succeeded"]' });
  await take(browser, { name: 'project-narrow', path: `/projects/${project}`, width: 360, scheme: 'dark' });
  if (attempt) await take(browser, { name: 'attempt', path: `/attempts/${attempt}`, width: 1280, scheme: 'light' });
} finally {
  await browser.close();
}
