import type { Pages } from '../../page-ports.ts';
import type { BlobStore, Catalogue } from '../../ports.ts';
import type { Database } from '../prisma/database.ts';
import { attemptPage, sbomOf, type SignerNames } from './attempt.ts';
import { feedView, queueView, workersView } from './farm.ts';
import { fileView } from './file.ts';
import { projectPages } from './project.ts';
import { projectsView, summariesOf } from './projects.ts';

export interface PagePorts {
  readonly database: Database;
  readonly blobs: Pick<BlobStore, 'stream'>;
  readonly catalogue: Pick<Catalogue, 'rows'>;
  readonly names: SignerNames;
}

/** Port Pages. */
export const pagesOf = ({ database, blobs, catalogue, names }: PagePorts): Pages => ({
  projects: () => projectsView(database),
  summary: async (name) => (await summariesOf(database, name)).summaries[0] ?? null,
  project: projectPages({ database, catalogue, index: names.index }),
  attempt: (id) => attemptPage(database, id, names),
  sbom: async (id) => blobs.stream(await sbomOf(database, id)),
  file: (filename) => fileView(database, filename, names),
  queue: () => queueView(database),
  workers: () => workersView(database),
  feed: (before, limit) => feedView(database, before, limit),
});
