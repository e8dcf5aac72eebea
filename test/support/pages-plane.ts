/** A control plane with its pages, a browser, and cells that a test moves as workers would. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { mustEndWell } from '../../infra/setup/command.ts';
import { browserOf } from '../../infra/setup/browser.ts';
import { dashboardDigest, dashboardFolder } from '../../infra/setup/dashboard.ts';
import { placesOf } from '../../infra/setup/places.ts';
import { prismaAccounts } from '../../orchestrator/adapters/accounts.ts';
import { dashboardFiles } from '../../orchestrator/adapters/dashboard-files.ts';
import { pagesOf } from '../../orchestrator/adapters/pages/pages.ts';
import type { Database } from '../../orchestrator/adapters/prisma/database.ts';
import { acknowledgeAlert, alertViews, registrationViews, triggerViews } from '../../orchestrator/adapters/prisma/registration-rows.ts';
import { prismaWebhooks } from '../../orchestrator/adapters/webhooks.ts';
import { accountRoutes } from '../../orchestrator/api/routes/accounts.ts';
import { badgeRoutes } from '../../orchestrator/api/routes/badges.ts';
import { editRoutes } from '../../orchestrator/api/routes/edits.ts';
import { dashboardRoutes } from '../../orchestrator/api/routes/dashboard.ts';
import { registrationRoutes, type RegistrationParts } from '../../orchestrator/api/routes/registrations.ts';
import type { Proposal } from '../../orchestrator/contract/registrations.ts';
import { openLocalSession, sessionRoutes, type SessionParts } from '../../orchestrator/api/routes/session.ts';
import { fail } from '../../orchestrator/domain/failure.ts';
import type { Edits } from '../../orchestrator/edit-ports.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

export interface PagesPlane {
  readonly plane: ControlPlane;
  readonly url: string;
  stop(): Promise<void>;
}

const cookie = 'farm_test';

const unknown = async (): Promise<never> => fail('FARM_NOT_FOUND', 'plan', { thing: 'edit' });
const noEdits: Edits = { preview: unknown, check: unknown, previewBatch: unknown, startBatch: unknown, start: unknown, approve: unknown, refuse: unknown, view: unknown, newest: async () => [], cancel: unknown };

/** What is registered and announced as the database says it; a proposal that a test may change. */
export const shownProposal: { value: Proposal | null } = { value: null };
/** What webhooks to this plane are signed with. */
export const webhookSecret = 'secret of the webhooks of a test';
function shownRegistrations(database: Database): RegistrationParts {
  const github = new Proxy({}, { get: (_, name) => (name === 'webhookSecret' ? async () => webhookSecret : unknown) }) as never;
  const workflows = { startTrigger: async () => undefined, isOpen: async () => true };
  return {
    webhooks: prismaWebhooks({ database, github, workflows, githubUrl: 'https://github.example', url: 'http://127.0.0.1' }), github, githubView: async () => ({ url: 'https://github.example', app: null, token: false, webhookUrl: 'http://127.0.0.1/hooks/github' }),
    registrations: {
      propose: async () => shownProposal.value ?? unknown(), register: unknown, view: unknown, remove: unknown,
      list: (filter = {}) => registrationViews(database, 'http://127.0.0.1', filter), triggers: (filter) => triggerViews(database, filter), alerts: (filter) => alertViews(database, filter),
      acknowledge: (id, word) => acknowledgeAlert(database, id, word, new Date()),
    },
  };
}

/** Builds the dashboard into a folder of its own and serves it with everything behind it. */
export async function startPagesPlane(): Promise<PagesPlane> {
  const { root } = placesOf({});
  const cache = await mkdtemp(join(tmpdir(), 'farm-pages-'));
  const built = (await mustEndWell([process.execPath, join(root, 'infra', 'dashboard.ts'), cache], { cwd: root })).trim();
  const digest = dashboardDigest(root);
  if (!built.endsWith(dashboardFolder(cache, digest))) throw new Error(`the dashboard was built elsewhere: ${built}`);
  const plane = await startControlPlane({
    guard: (database) => ({ accounts: prismaAccounts(database), cookie }),
    routes: ({ database, blobs, catalogue, index }) => {
      const sessions: SessionParts = { accounts: prismaAccounts(database), cookie, url: 'http://127.0.0.1', local: true };
      const pages = pagesOf({ database, blobs, catalogue, names: { identity: 'identity', issuer: 'issuer', index } });
      return [
        (app) => accountRoutes(app, sessions), (app) => sessionRoutes(app, sessions), (app) => badgeRoutes(app, { pages, url: 'http://127.0.0.1' }),
        (app) => registrationRoutes(app, shownRegistrations(database)), (app) => editRoutes(app, { edits: noEdits }), (app) => dashboardRoutes(app, {
          files: dashboardFiles(dashboardFolder(cache, digest)), digest, base: '/', opened: (request, reply) => openLocalSession(sessions, request, reply),
        }),
      ];
    },
  });
  await plane.app.listen({ host: '127.0.0.1', port: 0 });
  return {
    plane, url: `http://127.0.0.1:${(plane.app.server.address() as AddressInfo).port}`,
    async stop() {
      await plane.stop();
      await rm(cache, { recursive: true, force: true });
    },
  };
}

/** Starts the browser that set-up has found. @errors throws where there is none: ./farm setup says how to get one */
export function startBrowser(): Promise<Browser> {
  const executablePath = browserOf(process.env);
  if (!executablePath) throw new Error('no Chromium: set one in FARM_TEST_BROWSER, or install the package chromium');
  return chromium.launch({
    executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page that stands, and whatever went wrong in it: errors, complaints of the console, dialogs. */
export interface OpenedPage extends AsyncDisposable { readonly page: Page; readonly wrong: string[] }

/** What a page is looked at with. @shape first: a script that is run before the page's own; width: pixels */
export interface Look { readonly width?: number; readonly media?: Parameters<Page['emulateMedia']>[0]; readonly first?: string }

/** Opens an address and waits until nothing of the page is waited for. */
export async function openPage(context: BrowserContext, url: string, { width = 1440, media, first }: Look = {}): Promise<OpenedPage> {
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) wrong.push(message.text()); });
  page.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  await page.setViewportSize({ width, height: 900 });
  if (media) await page.emulateMedia(media);
  if (first !== undefined) await page.addInitScript(first);
  await page.goto(url);
  await page.waitForSelector('h1');
  await page.waitForSelector('.waiting', { state: 'detached' });
  return { page, wrong, [Symbol.asyncDispose]: () => page.close() };
}
