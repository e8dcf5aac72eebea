import type { FastifyInstance } from 'fastify';
import { StatusView } from '../../contract/api.ts';
import type { Clock, Tallies } from '../../ports.ts';

/** What does not change while the plane is up. */
export interface FarmFacts {
  readonly farmId: string;
  readonly version: string;
  readonly url: string;
  readonly startedAt: Date;
  readonly clock: Clock;
  /** Fingerprint of the trust configuration: SHA-256 of its JSON. */
  readonly trustFingerprint: () => Promise<string>;
}

/** `/api/status`: counts and addresses; answers as soon as the database does. */
export function statusRoutes(app: FastifyInstance, { facts, tallies }: { readonly facts: FarmFacts; readonly tallies: Tallies }): void {
  app.get('/api/status', { config: { words: { summary: 'Counts and addresses of this farm.', answer: StatusView } } },
    async (): Promise<StatusView> => ({
      farmId: facts.farmId, version: facts.version, index: `${facts.url}/simple/`, dashboard: `${facts.url}/`,
      ...await tallies.count(),
      uptimeMs: facts.clock.now().getTime() - facts.startedAt.getTime(), trustFingerprint: await facts.trustFingerprint(),
    }));
}
