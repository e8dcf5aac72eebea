import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { LeaseGrant } from '../../../orchestrator/contract/worker.ts';
import { controlDoor, isOver, isUnwelcome } from '../../../workers/control-door.ts';
import { asTemporal } from '../../../workers/delivery.ts';
import type { Sent } from '../../../workers/send.ts';

type Reply = { status: number; json?: unknown; text?: string } | 'refused';

const grant: LeaseGrant = {
  leaseId: 'L1', secret: 'hush', logOffset: 0,
  spec: {
    kind: 'sdist', attemptId: 'A1', sourceDateEpoch: 0, cutoff: '2026-01-01T00:00:00Z',
    image: { name: 'i', key: 'a'.repeat(64), tarSha256: 'b'.repeat(64), bytes: 1 },
    source: { sha256: 'c'.repeat(64), filename: 'x.tar.gz', bytes: 1 },
    limits: { memoryBytes: 1, workBytes: 1, pidsMax: 1, stepMsMax: 1, silenceMsMax: 1, logBytesMax: 1 },
  },
};

const nothingBeside = { events: [], log: null, output: null, lock: null };

/** A door whose control plane gives these replies in turn; the clock moves only by pauses. */
function doorWith(...order: (Reply | { readonly unwelcome: () => void })[]) {
  const replies = order.filter((one): one is Reply => one === 'refused' || !('unwelcome' in one));
  const more = Object.assign({}, ...order.filter((one) => one !== 'refused' && 'unwelcome' in one)) as { unwelcome?: () => void };
  const sent: (Sent & { readonly text: string })[] = [];
  const pauses: number[] = [];
  const door = controlDoor({
    ...more,
    token: 'tok', now: () => pauses.reduce((sum, ms) => sum + ms, 0),
    pause: async (ms) => void pauses.push(ms),
    cache: { get: () => Promise.reject(new Error('not asked')), drop: async () => undefined },
    async send(one) {
      sent.push({ ...one, text: one.body instanceof Uint8Array ? new TextDecoder().decode(one.body) : '' });
      const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
      if (reply === 'refused') throw new Error('connect ECONNREFUSED');
      return { status: reply.status, body: Readable.from([reply.text ?? JSON.stringify(reply.json ?? '')]) };
    },
  });
  return { door, sent, pauses };
}

describe('control door', () => {
  it('outlives a control plane that restarts', async () => {
    const { door, sent, pauses } = doorWith('refused', { status: 503, text: 'starting' }, { status: 200, json: grant });
    const got = await door.lease({ kind: 'sdist', id: 's', target: '', delivery: 1, worker: 'w' });
    expect(got.secret).toBe('hush');
    expect(sent).toHaveLength(3);
    expect(sent[2]!.headers['authorization']).toBe('Bearer tok');
    expect(pauses).toEqual([100, 200]);
  });

  it('gives up after a minute and says that the farm is not up', async () => {
    const { door, pauses } = doorWith('refused');
    await expect(door.of(grant).events([{ step: 'build', state: 'started' }])).rejects.toMatchObject({ failure: { code: 'FARM_NOT_UP' } });
    const waited = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThan(50_000);
    expect(waited).toBeLessThanOrEqual(60_000);
  });

  it('knows a lease that is over, and asks once only', async () => {
    for (const [status, code] of [[409, 'FARM_LEASE_STALE'], [410, 'FARM_ENDED']] as const) {
      const { door, sent } = doorWith({ status, json: { code, detail: 'no', next: 'nothing' } });
      const error = await door.of(grant).outcome({ kind: 'sdist', state: 'cancelled' }, nothingBeside).catch((one: unknown) => one);
      expect(isOver(error)).toBe(true);
      expect(sent).toHaveLength(1);
      expect(sent[0]!.headers['x-lease-secret']).toBe('hush');
    }
  });

  it('says that its token opens nothing any more, when a lease is refused for it', async () => {
    const said: string[] = [];
    const { door } = doorWith({ status: 401, json: { code: 'FARM_UNAUTHORIZED', detail: 'no', next: 'ask' } }, { unwelcome: () => said.push('unwelcome') });
    const error = await door.lease({ kind: 'build', id: 'b', target: 't', delivery: 1, worker: 'w' }).catch((one: unknown) => one);
    expect([isUnwelcome(error), said]).toEqual([true, ['unwelcome']]);
    // A lease that was taken over is refused in the same words; that is no word about the token.
    await expect(door.of(grant).lock({ lock: [] })).rejects.toMatchObject({ failure: { code: 'FARM_UNAUTHORIZED' } });
    expect(said).toEqual(['unwelcome']);
    expect(asTemporal(error)).toMatchObject({ type: 'FARM_UNAUTHORIZED', nonRetryable: false });
  });

  it('sends what is left with the outcome in one request', async () => {
    const { door, sent } = doorWith({ status: 204 });
    const output = { sha256: 'd'.repeat(64), bytes: new TextEncoder().encode('wheel') };
    const lock = [{ name: 'setuptools', version: '80', filename: 'setuptools-80-py3-none-any.whl', sha256: 'e'.repeat(64) }];
    await door.of(grant).outcome({ kind: 'sdist', state: 'cancelled' }, {
      events: [{ step: 'build', state: 'started' }], log: { offset: 7, bytes: new TextEncoder().encode('line\n') }, output, lock,
    });
    expect(sent.map(({ path }) => path)).toEqual(['/worker/leases/L1/end']);
    expect(JSON.parse(sent[0]!.text)).toEqual({
      outcome: { kind: 'sdist', state: 'cancelled' }, events: [{ step: 'build', state: 'started' }],
      log: { offset: 7, bytes: btoa('line\n') }, output: { sha256: output.sha256, bytes: btoa('wheel') }, lock,
    });
  });

  it('takes a small input from its grant, digest checked; any other is a file', async () => {
    const door = controlDoor({
      token: 'tok', now: () => 0, pause: async () => undefined, send: () => Promise.reject(new Error('not asked')),
      cache: { get: async ({ sha256 }) => `file of ${sha256}`, drop: async () => undefined },
    });
    const sha256 = createHash('sha256').update('bytes').digest('hex');
    const lease = door.of({ ...grant, small: { [sha256]: btoa('bytes'), other: btoa('bytes') } });
    expect(await lease.content({ sha256, bytes: 5 })).toEqual(Buffer.from('bytes'));
    expect(await lease.content({ sha256: 'no', bytes: 5 })).toEqual({ file: 'file of no' });
    await expect(lease.content({ sha256: 'other', bytes: 5 })).rejects.toMatchObject({ failure: { code: 'FARM_DIGEST_MISMATCH' } });
  });

  it('does not ask again for a full disk', async () => {
    const { door, sent } = doorWith({ status: 507, json: { code: 'FARM_NO_SPACE', detail: 'full', next: 'free' } });
    await expect(door.of(grant).lock({ lock: [] })).rejects.toMatchObject({ failure: { code: 'FARM_NO_SPACE', message: 'full' } });
    expect(sent).toHaveLength(1);
  });
});

describe('log offsets', () => {
  const bytes = new TextEncoder().encode('abcdef');

  it('goes on where the control plane says that the log ends', async () => {
    const { door, sent } = doorWith({ status: 409, json: { offset: 13 } }, { status: 200, json: { offset: 16 } });
    expect(await door.of(grant).log(10, bytes)).toBe(16);
    expect(sent.map(({ path, text }) => [path.split('?')[1], text])).toEqual([['offset=10', 'abcdef'], ['offset=13', 'def']]);
  });

  it('sends nothing twice when only the answer was lost', async () => {
    const { door, sent } = doorWith('refused', { status: 409, json: { offset: 16 } });
    expect(await door.of(grant).log(10, bytes)).toBe(16);
    expect(sent).toHaveLength(2);
  });

  it('sends all of a chunk to a log that lost its end', async () => {
    const { door, sent } = doorWith({ status: 409, json: { offset: 4 } }, { status: 200, json: { offset: 10 } });
    expect(await door.of(grant).log(10, bytes)).toBe(10);
    expect(sent[1]!.text).toBe('abcdef');
  });

  it('takes a stale lease for what it is, not for an offset', async () => {
    const { door } = doorWith({ status: 409, json: { code: 'FARM_LEASE_STALE', detail: '', next: '' } });
    expect(isOver(await door.of(grant).log(0, bytes).catch((error: unknown) => error))).toBe(true);
  });
});
