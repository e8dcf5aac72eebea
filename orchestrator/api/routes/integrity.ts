import type { FastifyInstance } from 'fastify';
import { fail } from '../../domain/failure.ts';
import { isValidName, normalizeName } from '../../domain/names.ts';
import type { IndexStatements } from '../../index-ports.ts';

const provenanceType = 'application/vnd.pypi.integrity.v1+json';

/** The PEP 740 provenance object of a published file. Mutable: attestations may be added. */
export function integrityRoutes(app: FastifyInstance, parts: { statements: IndexStatements }): void {
  app.get<{ Params: { project: string; version: string; filename: string } }>(
    '/integrity/:project/:version/:filename/provenance',
    async ({ params }, reply) => {
      const project = isValidName(params.project) ? normalizeName(params.project) : '';
      const text = await parts.statements.provenance(project, params.version, params.filename);
      if (text === null) return fail('FARM_NOT_FOUND', 'publish', { thing: `provenance of ${params.filename}` });
      return reply.header('content-type', provenanceType).header('cache-control', 'no-cache')
        .header('x-content-type-options', 'nosniff').send(Buffer.from(text));
    });
}
