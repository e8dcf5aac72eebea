import type { FastifyInstance } from 'fastify';
import type { IndexPages, IndexStatements, UpstreamIndex } from '../../index-ports.ts';
import type { BlobStore, Signer } from '../../ports.ts';
import { fileRoutes } from './files.ts';
import { integrityRoutes } from './integrity.ts';
import { simpleRoutes } from './simple.ts';
import { wellKnownRoutes } from './wellknown.ts';

/** What the index, its files and the pages for people read from. */
export interface IndexRouteParts {
  readonly pages: IndexPages;
  readonly upstream: UpstreamIndex;
  readonly statements: IndexStatements;
  readonly blobs: Pick<BlobStore, 'has' | 'size' | 'stream'>;
  readonly signer: Pick<Signer, 'trustConfig'>;
}

/** All routes that strangers read without a token. Expected failures are thrown as FarmError for the app's handler. */
export function registerIndexRoutes(app: FastifyInstance, parts: IndexRouteParts): void {
  simpleRoutes(app, parts);
  fileRoutes(app, parts);
  integrityRoutes(app, parts);
  wellKnownRoutes(app, parts);
}
