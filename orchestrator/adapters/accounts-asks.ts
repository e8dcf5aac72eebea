import { randomUUID } from 'node:crypto';
import type { Accounts } from '../account-ports.ts';
import type { HookView } from '../contract/accounts.ts';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import { secretText } from './accounts.ts';
import type { Hook } from './prisma/client/client.ts';
import type { Database } from './prisma/database.ts';

const day = 24 * 60 * 60 * 1000;

/** Requests for platforms, and outgoing webhooks, of port Accounts. */
export const asksOf = (prisma: Database['prisma']): Pick<Accounts, 'ask' | 'hooks' | 'addHook' | 'removeHook'> => ({
  async ask({ project, platform, asker, why }) {
    if (!await prisma.project.findUnique({ where: { name: project } })) fail('FARM_NOT_FOUND', 'plan', { thing: `project ${project}` });
    const today = await prisma.platformAsk.count({ where: { asker, createdAt: { gt: new Date(Date.now() - day) } } });
    if (today >= limits.asksPerDayMax) fail('FARM_BAD_REQUEST', 'plan', { why: `${limits.asksPerDayMax} requests a day are enough for one address` });
    await prisma.platformAsk.upsert({
      where: { project_platform_asker: { project, platform, asker } }, create: { project, platform, asker, why }, update: { why },
    });
  },
  async hooks(project) {
    const rows = await prisma.hook.findMany({ where: project === null ? {} : { project }, orderBy: { createdAt: 'asc' } });
    return rows.map(hookView);
  },
  async addHook(by, { project, url }) {
    const head = await prisma.indexHead.findUnique({ where: { id: 1 } });
    const secret = secretText();
    // What was published before somebody asked is not told.
    const row = await prisma.hook.create({ data: { id: randomUUID(), project, url, secret, createdBy: by, serial: head?.serial ?? 0n } });
    return { ...hookView(row), secret };
  },
  async removeHook(id) {
    const { count } = await prisma.hook.deleteMany({ where: { id } });
    if (count === 0) fail('FARM_NOT_FOUND', 'plan', { thing: `webhook ${id}` });
  },
});

const hookView = (row: Hook): HookView => ({
  id: row.id, project: row.project, url: row.url, createdBy: row.createdBy, createdAt: row.createdAt.toISOString(),
  serial: Number(row.serial), failures: row.failures, lastStatus: row.lastStatus,
});
