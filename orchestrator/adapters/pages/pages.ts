import { fail } from '../../domain/failure.ts';
import type { Pages } from '../../page-ports.ts';
import type { BlobStore, Catalogue } from '../../ports.ts';
import type { Database } from '../prisma/database.ts';
import { attemptPage, sbomOf, type SignerNames } from './attempt.ts';
import { feedView, queueView, workersView } from './farm.ts';
import { fileView } from './file.ts';
import { gridOf } from './grid.ts';
import { projectsView, summariesOf } from './projects.ts';

export interface PagePorts {
  readonly database: Database;
  readonly blobs: Pick<BlobStore, 'stream'>;
  readonly catalogue: Pick<Catalogue, 'rows'>;
  readonly names: SignerNames;
}

interface AskRow { readonly platform: string; readonly count: string; readonly newest: Date; readonly why: string[] }

/** Reasons of the newest that asked. */
const asksStatement = `
  select platform, count(*) as count, max(created_at) as newest,
    coalesce((array_agg(why order by created_at desc) filter (where why <> ''))[1:5], '{}') as why
  from platform_ask where project = $1 group by platform order by count(*) desc, platform`;

/** Port Pages. */
export const pagesOf = ({ database, blobs, catalogue, names }: PagePorts): Pages => ({
  projects: () => projectsView(database),
  summary: async (name) => (await summariesOf(database, name)).summaries[0] ?? null,
  async project(name) {
    const [known, grid, rows, { rows: asks }] = await Promise.all([
      database.prisma.project.findUnique({ where: { name } }), gridOf(database, name), catalogue.rows(),
      database.pool.query<AskRow>(asksStatement, [name]),
    ]);
    if (!known) return fail('FARM_NOT_FOUND', 'publish', { thing: `project ${name}` });
    return {
      name, displayName: known.displayName, held: known.held, ...grid, index: names.index,
      platforms: [...new Set(rows.map(({ target }) => target.slice(target.indexOf('-') + 1)))].sort(),
      asks: asks.map(({ platform, count, newest, why }) => ({ platform, count: Number(count), newest: newest.toISOString(), why })),
    };
  },
  attempt: (id) => attemptPage(database, id, names),
  sbom: async (id) => blobs.stream(await sbomOf(database, id)),
  file: (filename) => fileView(database, filename, names),
  queue: () => queueView(database),
  workers: () => workersView(database),
  feed: (before, limit) => feedView(database, before, limit),
});
