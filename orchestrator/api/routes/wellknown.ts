import type { FastifyInstance } from 'fastify';
import type { Signer } from '../../ports.ts';

/** The trust configuration that verifies everything this farm signed; its fingerprint is to be compared elsewhere. */
export function wellKnownRoutes(app: FastifyInstance, parts: { signer: Pick<Signer, 'trustConfig'> }): void {
  app.get('/.well-known/wheelfarm/trust_config.json', async (_, reply) => {
    const { json, fingerprint } = await parts.signer.trustConfig();
    return reply.header('content-type', 'application/json; charset=utf-8').header('cache-control', 'no-cache')
      .header('x-farm-trust-fingerprint', fingerprint).header('x-content-type-options', 'nosniff').send(json);
  });
}
