/** What a person does, from registering a repository to a pip install, in a browser and through TLS. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'node:https';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clientVenv } from '../support/clients.ts';
import { freshVenv, run } from '../support/clients-run.ts';
import { startFarm, type TestFarm } from '../support/farm.ts';
import { clientOfTests, delivery, personToken, startGithub, tagPush, type FakeRepository, type GithubServer } from '../support/github-server.ts';
import type { GitRepository } from '../support/git-server.ts';
import { nginxWithTls, type Nginx } from '../support/nginx.ts';
import { startBrowser } from '../support/pages-plane.ts';
import { animals } from '../zoo/animals.ts';

const [x86, arm] = ['cp311-manylinux_x86_64', 'cp311-manylinux_armv7l'];
const project = 'zoo-fails-on-armv7l';
const scratch = mkdtempSync(join(tmpdir(), 'farm-story-'));
let nginx: Nginx;
let github: GithubServer;
let farm: TestFarm;
let browser: Browser;
let repository: { readonly fake: FakeRepository; readonly git: GitRepository };
/** The maintainer's browser, and her page. */
let zoe: BrowserContext;
let page: Page;
let secret: string;
const wrong: string[] = [];

beforeAll(async () => {
  [nginx, github, browser] = await Promise.all([nginxWithTls(), startGithub(), startBrowser()]);
  farm = await startFarm({ env: {
    FARM_GITHUB_URL: github.url, FARM_GITHUB_CLIENT_ID: clientOfTests.id, FARM_GITHUB_CLIENT_SECRET: clientOfTests.secret, FARM_POLL_SECONDS: '3600',
  } });
  await nginx.before(farm.kept().ports.api);
  repository = await madeRepository();
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await farm?.stop();
  await Promise.all([github?.stop(), nginx?.stop()]);
  rmSync(scratch, { recursive: true, force: true });
});

/** A project of a private repository that has no wheel for one of its two targets. */
async function madeRepository(): Promise<typeof repository> {
  const files = { ...animals.failsOnArmv7l.files } as Record<string, string>;
  files['pyproject.toml'] = `${files['pyproject.toml']}[project]\nname = "${project}"\nversion = "1.0"\n[tool.cibuildwheel]\nbuild = "cp311-manylinux_*"\nskip = "*_aarch64"\n`;
  const fake: FakeRepository = { id: 77, fullName: `acme/${project}`, admin: true, files, tags: [], permissions: { zoe: 'admin' }, private: true };
  github.repositories.push(fake);
  const git = await github.repository(fake.fullName);
  await git.commit(files);
  await git.push();
  return { fake, git };
}

/** A browser of somebody, signed in with GitHub; what goes wrong on its pages is remembered. */
async function signedIn(login: string, id: number): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(60_000);
  const opened = await context.newPage();
  opened.on('pageerror', (error) => wrong.push(`${login}: ${error.message}`));
  github.signsIn = { login, id };
  await visit(opened, '/sign-in');
  await opened.getByRole('link', { name: 'Sign in with GitHub' }).click();
  await opened.waitForURL(`${nginx.url}/`);
  await opened.getByRole('link', { name: login, exact: true }).waitFor();
  return { context, page: opened };
}

/** Opens a page of the farm. Chromium gives up where a container's network comes or goes in that moment: once more then. */
async function visit(where: Page, path: string): Promise<void> {
  await where.goto(nginx.url + path).catch((error: Error) => {
    if (!error.message.includes('ERR_NETWORK_CHANGED')) throw error;
    return where.goto(nginx.url + path);
  });
}

/** A request that trusts the test's certificate. */
function ask(path: string, { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: Buffer | string } = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${nginx.url}${path}`, { method, headers, ca: readFileSync(nginx.ca) }, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => { text += piece.toString(); });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

const cellOf = (target: string, state: string): string => `[data-target="${target}"][data-state="${state}"]`;

describe('a farm behind TLS, under a path', () => {
  it('is not opened to others before it has an admin', async () => {
    const open = ['up', '--listen', '127.0.0.1', '--url', nginx.url];
    const refused = await farm.farm(open);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('FARM_NO_ADMIN') as string]);
    expect((await farm.farm(['account', 'add', 'ann', '--role', 'admin'])).code).toBe(0);
    const opened = await farm.farm(open);
    expect(opened.code, opened.stderr).toBe(0);
    expect(JSON.parse((await ask('/api/status')).text)).toMatchObject({ dashboard: `${nginx.url}/`, index: `${nginx.url}/simple/` });
    expect((await ask('/api/session')).text).toContain('"login":null');
  });

  it('takes token and webhook of GitHub from its admin, on the page', async () => {
    const { context, page: admin } = await signedIn('ann', 7);
    await admin.getByRole('link', { name: 'Register' }).first().click();
    await admin.getByText('Or a token, or a webhook by hand').click();
    await admin.getByLabel(/Token of one who may/).fill(personToken);
    await admin.getByRole('button', { name: 'Keep it' }).click();
    await admin.getByText('✓ Token').waitFor();
    await admin.getByRole('button', { name: 'Show address and secret' }).click();
    expect(await admin.getByLabel('Payload URL', { exact: true }).innerText()).toBe(`${nginx.url}/hooks/github`);
    secret = (await admin.getByLabel('Secret', { exact: true }).innerText()).trim();
    await visit(admin, `/account`);
    await admin.getByLabel('GitHub login').fill('bob');
    await admin.getByRole('button', { name: 'Give the role' }).click();
    await admin.getByRole('row', { name: /^bob/ }).waitFor();
    await context.close();
  });
});

describe('a maintainer', () => {
  it('registers a repository in at most six clicks and no file', async () => {
    ({ context: zoe, page } = await signedIn('zoe', 8));
    await page.getByRole('link', { name: 'Register', exact: true }).first().click();
    await page.getByLabel('Repository or project').fill(`acme/${project}`);
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByRole('heading', { name: 'Readiness' }).waitFor();
    expect(await page.getByRole('region', { name: 'Readiness' }).innerText()).toMatch(/no tag names a version[\s\S]*the repository is private/);
    expect(await page.locator('input[type=checkbox]:checked').count()).toBeGreaterThanOrEqual(2);
    // By name: a place among the checked ones is another one's as soon as one is unchecked.
    for (const label of await page.locator('label:has(input[type=checkbox]:checked)').allInnerTexts()) {
      const target = label.trim();
      if (target !== x86 && target !== arm) await page.getByLabel(target, { exact: true }).uncheck();
    }
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await page.waitForURL(`${nginx.url}/projects/${project}`);
    await page.getByText('No release of this project was built yet').waitFor();
  });

  it('is listed on the command line, which registers as the page does', async () => {
    const name = 'zoo-by-command';
    const files = { 'pyproject.toml': `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "${name}"\nversion = "1.0"\n` };
    const fake: FakeRepository = { id: 78, fullName: `acme/${name}`, admin: true, files, tags: [], permissions: { zoe: 'admin' } };
    github.repositories.push(fake);
    const git = await github.repository(fake.fullName);
    await git.commit(files);
    await git.push();
    const planned = await farm.farm(['register', fake.fullName, '--plan']);
    expect([planned.code, planned.stdout], planned.stderr).toEqual([0, expect.stringContaining(`${name}, acme/${name}`)]);
    const made = await farm.farm(['register', fake.fullName]);
    expect(made.code, made.stderr).toBe(0);
    const listed = (await farm.farm(['register', '--list'])).stdout;
    expect(listed).toContain(`every tag of acme/${name} `);
    expect(listed).toContain(`every tag of acme/${project} `);
    const missing = await farm.farm(['register', 'acme/nothing-there']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('FARM_REPOSITORY_UNKNOWN')]);
  });

  it('sees a pushed tag within two seconds, and its cells move, without loading the page again', async () => {
    await page.locator('.link.is-live').waitFor();
    await page.evaluate('window.same = true');
    const commit = await repository.git.commit({ 'NEWS': '1.0\n' });
    await repository.git.git('tag', 'v1.0');
    await repository.git.push();
    const signed = delivery('push', tagPush(repository.fake, 'v1.0', commit), secret);
    const began = Date.now();
    const answer = await ask('/hooks/github', { method: 'POST', headers: signed.headers, body: signed.payload });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([202, { took: 'tag', releases: [`${project}==1.0`], pages: [`${nginx.url}/projects/${project}`] }]);
    await page.locator('[data-trigger="v1.0"]').waitFor();
    expect(Date.now() - began).toBeLessThan(2_000);
    await page.locator(`${cellOf(x86, 'succeeded')}, ${cellOf(arm, 'failed')}`).first().waitFor({ timeout: 300_000 });
    await page.locator(cellOf(x86, 'succeeded')).waitFor({ timeout: 300_000 });
    await page.locator(cellOf(arm, 'failed')).waitFor({ timeout: 300_000 });
    await page.locator('[data-trigger="v1.0"]').getByText('✓ built').waitFor({ timeout: 60_000 });
    expect(await page.evaluate('window.same')).toBe(true);
  });

  it('opens the failed cell, reads its log, and builds it again', async () => {
    await page.locator(cellOf(arm, 'failed')).click();
    expect(await page.locator('.drawer .cause').innerText()).toContain('FARM_COMPILE_ERROR');
    const first = await page.getByRole('link', { name: 'Attempt and log' }).getAttribute('href');
    await page.getByRole('link', { name: 'Attempt and log' }).click();
    await page.getByRole('button', { name: 'First error' }).click();
    expect(await page.locator('.lines li.marked').innerText()).toContain('32-bit ARM is not for us');
    await page.getByPlaceholder('Search').fill('is not for us');
    expect(await page.locator('.found').innerText()).toMatch(/\d+ found/);
    const [log] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
    expect(readFileSync(await log.path(), 'utf8')).toContain('32-bit ARM is not for us');
    expect(await page.getByLabel('Open the cell with Docker', { exact: true }).innerText()).toContain('docker run');
    await page.getByRole('button', { name: 'Rebuild' }).click();
    await page.getByText('It is being built').waitFor();
    await visit(page, `/projects/${project}`);
    // The cell fails again, as it must; its newest attempt is another one.
    for (const until = Date.now() + 200_000; ;) {
      await page.locator(cellOf(arm, 'failed')).waitFor({ timeout: 200_000 });
      await page.locator(cellOf(arm, 'failed')).click();
      const second = await page.getByRole('link', { name: 'Attempt and log' }).getAttribute('href', { timeout: 5_000 }).catch(() => first);
      await page.keyboard.press('Escape');
      if (second !== first) break;
      if (Date.now() > until) expect.unreachable('no second attempt');
      await page.waitForTimeout(500);
    }
  });

  it('builds a column again from the grid, cancels that build, and builds the row again', async () => {
    const row = page.locator('.grid tbody th button', { hasText: '1.0' });
    const newest = async (): Promise<[string, string[]] | undefined> => {
      const [build] = JSON.parse((await ask('/api/builds?limit=1')).text) as { state: string; cells: { target: string }[] }[];
      return build && [build.state, build.cells.map(({ target }) => target)];
    };
    await page.locator(`.grid thead button[title^="${arm}"]`).click();
    await page.locator('.drawer').getByText('1 release without a wheel for it: 1.0.').waitFor();
    await page.getByRole('button', { name: 'Rebuild the column' }).click();
    await page.getByText('1 build started.').waitFor();
    await page.keyboard.press('Escape');
    await page.locator(`${cellOf(arm, 'queued')}, ${cellOf(arm, 'running')}`).first().waitFor();
    await row.click();
    await page.getByRole('button', { name: 'Cancel the build' }).click();
    await page.getByText('The build ends within seconds.').waitFor();
    await page.keyboard.press('Escape');
    // The cell shows what it was before the build that came to nothing.
    await vi.waitFor(async () => expect(await newest()).toEqual(['cancelled', [arm]]), { timeout: 60_000, interval: 500 });
    await page.locator(cellOf(arm, 'failed')).waitFor();
    await row.click();
    await page.locator('.drawer').getByText('1 cell without a wheel is built again.').waitFor();
    await page.locator('.drawer').getByRole('button', { name: 'Rebuild' }).click();
    await page.getByText('It is being built').waitFor();
    await page.keyboard.press('Escape');
    await vi.waitFor(async () => expect(await newest()).toEqual(['failed', [arm]]), { timeout: 200_000, interval: 500 });
    await page.locator(cellOf(arm, 'failed')).waitFor();
    expect(await page.locator(cellOf(x86, 'succeeded')).count()).toBe(1);
  });

  it('edits a bound and adds a dependency; a second maintainer approves it', async () => {
    await page.getByRole('link', { name: 'Edit the metadata' }).click();
    await page.getByLabel('Do').selectOption('set');
    await page.getByLabel('Field').selectOption('Requires-Python');
    await page.getByLabel('Value').fill('>=3.9,<3.15');
    await page.getByRole('button', { name: 'Another change' }).click();
    await page.getByLabel('Field').last().selectOption('Requires-Dist');
    await page.getByLabel('Value').last().fill('idna>=3');
    await page.locator('.difference ins').filter({ hasText: 'Requires-Dist: idna>=3' }).first().waitFor();
    expect(await page.locator('.difference ins').allInnerTexts()).toContainEqual(expect.stringContaining('Requires-Python: >=3.9,<3.15') as string);
    expect(await page.getByRole('region', { name: 'Who will see it' }).innerText()).toContain(`${project}==1.0`);
    await page.getByLabel(/^Why/).fill('the bound was wrong');
    await page.getByRole('button', { name: 'Ask for the approval' }).click();
    await page.getByRole('heading', { name: 'It waits for an approval' }).waitFor();
    // She cannot say yes to herself.
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('FARM_EDIT_SAME_PERSON').waitFor();
    const bob = await signedIn('bob', 9);
    await bob.page.goto(page.url());
    await bob.page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('added-dependency by bob').waitFor({ timeout: 60_000 });
    await page.locator('.state.is-published').waitFor({ timeout: 120_000 });
    await bob.context.close();
  });

  it('installs the new file with pip and checks its signature with the lines of its page', async () => {
    const pip = join(await freshVenv(join(scratch, 'venv')), 'pip');
    const index = `${nginx.url}/simple/`;
    // Both, because a bundle in the environment goes before pip's own option.
    const trust = { REQUESTS_CA_BUNDLE: nginx.ca, CURL_CA_BUNDLE: nginx.ca };
    const installed = await run(pip, ['install', '--no-cache-dir', '--only-binary', ':all:', '--index-url', index, `${project}==1.0`], { env: trust });
    expect(installed.code, installed.output).toBe(0);
    expect((await run(pip, ['freeze'])).output).toMatch(/^idna==3/m);
    const shown = (await run(pip, ['inspect', '--local'])).output;
    expect(shown).toContain('idna>=3');
    await page.locator('table a', { hasText: /-1\.0-1-cp311/ }).first().click();
    await page.getByRole('heading', { name: 'Source' }).waitFor();
    const lines = await page.getByLabel('Verify with the stock client', { exact: true }).innerText();
    const bin = await clientVenv('sigstore', ['sigstore==4.5.1']);
    writeFileSync(join(scratch, 'verify.sh'), `set -e\n${lines}\n`);
    const verified = await run('bash', [join(scratch, 'verify.sh')], { cwd: scratch, env: { PATH: `${bin}:${process.env['PATH']}`, ...trust } });
    expect(verified.code, verified.output).toBe(0);
    expect(verified.output).toContain('OK');
    const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl')) ?? '';
    const own = await farm.farm(['verify', join(scratch, wheel)]);
    expect([own.code, own.stdout]).toEqual([0, expect.stringContaining('ok') as string]);
  });

  it('finds the release in the feed and on the badge, and everything under the path in the API', async () => {
    const feed = (await ask('/feed.xml')).text;
    expect(feed).toMatch(/^<\?xml[\s\S]*<rss version="2\.0"/);
    expect(feed).toContain(`${nginx.url}/projects/${project}`);
    expect((await ask(`/badge/${project}.svg`)).text).toMatch(/^<svg[\s\S]*1 of 2 targets/);
    expect(JSON.parse((await ask('/api/openapi.json')).text)).toMatchObject({ openapi: expect.stringMatching(/^3\./) as string });
    await visit(page, '/api');
    await page.getByRole('row', { name: /\/api\/github\/app/ }).waitFor();
    await visit(page, '/feed');
    await page.getByRole('row', { name: /edit of the metadata/ }).waitFor();
  });

  it('makes a token of the API, and revokes it', async () => {
    await visit(page, `/account`);
    const form = page.locator('form').filter({ hasText: 'Make a token' });
    await form.getByLabel('Name').fill('ci');
    await form.getByLabel('Project').fill(project);
    await form.getByRole('button').click();
    const token = (await page.getByLabel('The new token', { exact: true }).innerText()).trim();
    const rebuild = (): ReturnType<typeof ask> => ask('/api/builds', {
      method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ what: 'no-such-project-of-anybody', targets: [] }),
    });
    const other = await rebuild();
    expect([other.status, other.text]).toEqual([403, expect.stringContaining('FARM_FORBIDDEN') as string]);
    await page.getByRole('button', { name: 'Revoke ci' }).click();
    await page.getByText('revoked', { exact: false }).first().waitFor();
    const after = await rebuild();
    expect([after.status, after.text]).toEqual([401, expect.stringContaining('FARM_UNAUTHORIZED') as string]);
  });

  it('keeps what she typed when her session ends in the middle of an edit', async () => {
    await visit(page, `/projects/${project}/edit/1.0`);
    await page.getByLabel('Value').fill('idna<4');
    await page.locator('.difference').first().waitFor();
    await page.getByLabel(/^Why/).fill('idna 4 is not tested');
    await zoe.clearCookies();
    await page.getByRole('button', { name: /^Deliver/ }).click();
    await page.locator('.refusal').getByText('FARM_UNAUTHORIZED').waitFor();
    expect(await page.getByLabel('Value').inputValue()).toBe('idna<4');
    expect(await page.getByLabel(/^Why/).inputValue()).toBe('idna 4 is not tested');
    github.signsIn = { login: 'zoe', id: 8 };
    await page.getByText('Only a maintainer of').getByRole('link', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'Sign in with GitHub' }).click();
    await page.waitForURL(`${nginx.url}/projects/${project}/edit/1.0`);
    expect(await page.getByLabel('Value').inputValue()).toBe('idna<4');
    expect(await page.getByLabel(/^Why/).inputValue()).toBe('idna 4 is not tested');
  });
});

describe('somebody without a role', () => {
  it('may look, is offered nothing else, and is refused where the request is made by hand', async () => {
    const eve = await signedIn('eve', 666);
    await visit(eve.page, `/projects/${project}`);
    await eve.page.locator(cellOf(arm, 'failed')).click();
    await eve.page.getByText('Rebuilding takes the role trigger.').waitFor();
    const said = await eve.page.evaluate<{ status: number; text: string }>(`(async () => {
      const answer = await fetch('api/builds', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ what: '${project}==1.0', targets: [] }) });
      return { status: answer.status, text: await answer.text() };
    })()`);
    expect([said.status, said.text]).toEqual([403, expect.stringContaining('FARM_FORBIDDEN') as string]);
    await visit(eve.page, `/register`);
    await eve.page.getByLabel('Repository or project').fill(`acme/${project}`);
    await eve.page.getByRole('button', { name: 'Look' }).click();
    await eve.page.getByText('FARM_REPOSITORY_UNKNOWN').waitFor();
    expect(await eve.page.getByRole('button', { name: 'Register', exact: true }).count()).toBe(0);
    await eve.context.close();
  });

  it('cannot forge a webhook', async () => {
    const forged = delivery('push', tagPush(repository.fake, 'v6.6.6', 'a'.repeat(40)), 'not the secret');
    const answer = await ask('/hooks/github', { method: 'POST', headers: forged.headers, body: forged.payload });
    expect([answer.status, answer.text]).toEqual([401, expect.stringContaining('FARM_WEBHOOK_SIGNATURE') as string]);
  });

  it('finds the token that read the private repository in no file of the farm but that of its keys', async () => {
    const basic = Buffer.from(`x-access-token:${personToken}`).toString('base64');
    const found = await run('grep', ['-rlF', '-e', personToken, '-e', basic, farm.home]);
    expect(found.output.trim().split('\n')).toEqual([join(farm.home, 'keys', 'github.json')]);
  });

  it('saw pages on which nothing went wrong', () => {
    expect(wrong).toEqual([]);
  });
});
