import { limits } from '../../contract/limits.ts';
import { fail } from '../../domain/failure.ts';
import type { GitCredentials } from '../../github-ports.ts';
import type { BlobStore, Catalogue, Clock, OpenLease, WorkerDoor } from '../../ports.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import { grantLease, nameLease, openLease } from './leases.ts';
import { appendLog } from './logs.ts';
import { endLease, recordOutcome } from './outcomes.ts';
import { recordLock } from './reuse.ts';
import { recordEvents } from './step-events.ts';

export interface DoorPorts {
  readonly database: Database;
  readonly changes: Changes;
  readonly blobs: BlobStore;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** Absent where no private repository is cloned. */
  readonly credentials?: GitCredentials;
}

/** A wheel before and after repair, and whatever a step leaves beside it. */
const outputsMaxOfLease = 16;

/** Port WorkerDoor over Postgres and the blob store. */
export function prismaWorkerDoor(ports: DoorPorts): WorkerDoor {
  const { database, blobs } = ports;
  return {
    async lease(request) {
      const grant = await grantLease(ports, request);
      if (grant.spec.kind !== 'test' || grant.spec.wheel.bytes > limits.smallBytesMax) return grant;
      const { sha256 } = grant.spec.wheel;
      return { ...grant, small: { [sha256]: Buffer.from(await blobs.bytes(sha256)).toString('base64') } };
    },
    open: (leaseId, secret) => openLease(ports, leaseId, secret),
    name: (leaseId, secret) => nameLease(ports, leaseId, secret),
    async input(lease, sha256) {
      if (!lease.inputs.includes(sha256)) fail('FARM_NOT_FOUND', 'fetch', { thing: `input ${sha256} of this lease` });
      return { bytes: await blobs.size(sha256), stream: await blobs.stream(sha256) };
    },
    async output(lease, sha256, body) {
      mustBeOpen(lease);
      const counted = await database.prisma.lease.updateMany({
        where: { id: lease.id, outputs: { lt: outputsMaxOfLease } }, data: { outputs: { increment: 1 } },
      });
      if (counted.count === 0) fail('FARM_TOO_LARGE', 'build', { limit: `${outputsMaxOfLease} outputs of a lease` });
      const bytesMax = lease.kind === 'sdist' ? limits.sdistBytesMax : limits.wheelBytesMax;
      return blobs.put(body, { sha256, bytesMax });
    },
    async log(lease, offset, bytes) {
      mustBeOpen(lease);
      return appendLog(ports, lease.attemptId, offset, bytes);
    },
    async event(lease, event) {
      mustBeOpen(lease);
      await recordEvents(ports, lease, Array.isArray(event) ? event : [event]);
    },
    async lock(lease, report) {
      mustBeOpen(lease);
      return recordLock(ports, lease, report);
    },
    outcome: (lease, outcome) => recordOutcome(ports, lease, outcome),
    end: (lease, last) => endLease(ports, lease, last),
  };
}

function mustBeOpen(lease: OpenLease): void {
  if (lease.ended) fail('FARM_ENDED', 'build', { thing: `Lease ${lease.id}` });
}
