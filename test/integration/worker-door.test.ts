import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LastWords, LeaseGrant } from '../../orchestrator/contract/worker.ts';
import { failure } from '../../orchestrator/domain/failure.ts';
import { openedLease, one, startControlPlane, startedBuild, succeededOutcome, workerToken, type ControlPlane } from '../support/control-plane.ts';
import { sha256Of } from '../support/index-plane.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

const target = 'cp311-manylinux_x86_64';
const refusal = (code: string) => ({ failure: { code } });
const cellOf = async (buildId: string, of = target) => (await plane.builds.view(buildId)).cells.find((cell) => cell.target === of);

describe('leases', () => {
  test('two deliveries at once: the newer one holds the cell, whichever came first', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const { buildId } = await startedBuild(plane, [target]);
      const asked = [1, 2].map((delivery) => plane.door.lease({ kind: 'build', id: buildId, target, delivery, worker: `w${delivery}` }));
      const [older, newer] = await Promise.allSettled(asked);
      expect(newer?.status).toBe('fulfilled');
      const grant = (newer as PromiseFulfilledResult<LeaseGrant>).value;
      expect((await plane.door.open(grant.leaseId, grant.secret)).ended).toBe(false);
      if (older?.status === 'fulfilled') {
        await expect(plane.door.open(older.value.leaseId, older.value.secret)).rejects.toMatchObject(refusal('FARM_LEASE_STALE'));
      } else expect(older?.reason).toMatchObject(refusal('FARM_LEASE_STALE'));
      expect(await plane.database.prisma.attempt.count({ where: { buildId } })).toBe(1);
    }
  });

  test('cells that move in the same moment are answered each for itself, and one that cannot be written fails no other', async () => {
    const targets = [target, 'cp311-manylinux_aarch64', 'cp313-manylinux_x86_64', 'cp313-musllinux_x86_64'];
    const { buildId } = await startedBuild(plane, targets);
    const asked = targets.map((of, at) => plane.door.lease({ kind: 'build', id: buildId, target: of, delivery: 1, worker: at === 2 ? 'w\u0000' : `w${at}` }));
    const said = await Promise.allSettled(asked);
    expect(said.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    const attempts = await plane.database.prisma.attempt.findMany({ where: { buildId }, orderBy: { worker: 'asc' } });
    expect(attempts.map(({ target: of, worker }) => [of, worker])).toEqual([[targets[0], 'w0'], [targets[1], 'w1'], [targets[3], 'w3']]);
    const leases = await Promise.all(said.flatMap((one) => (one.status === 'fulfilled' ? [plane.door.name(one.value.leaseId, one.value.secret)] : [])));
    await Promise.all(leases.map((lease) => plane.door.end(lease, { outcome: { kind: 'build', state: 'failed', failure: failure('FARM_MEMORY', 'build') } })));
    expect(await Promise.all(targets.map(async (of) => (await cellOf(buildId, of))?.state))).toEqual(['failed', 'failed', 'queued', 'failed']);
  });

  test('an older delivery is refused for ever, the same one gets a new secret', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const first = await plane.door.lease({ kind: 'build', id: buildId, target, delivery: 2, worker: 'w' });
    const again = await plane.door.lease({ kind: 'build', id: buildId, target, delivery: 2, worker: 'w' });
    expect(again.spec).toEqual(first.spec);
    await expect(plane.door.open(first.leaseId, first.secret)).rejects.toMatchObject(refusal('FARM_UNAUTHORIZED'));
    await expect(plane.door.lease({ kind: 'build', id: buildId, target, delivery: 1, worker: 'w' })).rejects.toMatchObject(refusal('FARM_LEASE_STALE'));
  });

  test('a wrong secret says no more than an unknown lease, and none is stored as it is', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const grant = await plane.door.lease({ kind: 'build', id: buildId, target, delivery: 1, worker: 'w' });
    for (const [id, secret] of [[grant.leaseId, 'x'], [grant.leaseId, ''], ['none', grant.secret]] as const) {
      await expect(plane.door.open(id, secret)).rejects.toMatchObject(refusal('FARM_UNAUTHORIZED'));
    }
    expect(JSON.stringify(await plane.database.prisma.lease.findMany())).not.toContain(grant.secret);
  });

  test('a cancelled build gives no lease', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    await plane.builds.cancel(buildId, 'a test');
    await expect(plane.door.lease({ kind: 'build', id: buildId, target, delivery: 1, worker: 'w' })).rejects.toMatchObject(refusal('FARM_ENDED'));
  });

  test('inputs are those of the lease only', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const other = await plane.blobs.put(Buffer.from('not for you'));
    for (const sha256 of lease.inputs) {
      const { bytes, stream } = await plane.door.input(lease, sha256);
      expect(sha256Of(Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>)))).toBe(sha256);
      expect(bytes).toBeGreaterThan(0);
    }
    await expect(plane.door.input(lease, other.sha256)).rejects.toMatchObject(refusal('FARM_NOT_FOUND'));
  });

  test('a lost worker: the next delivery goes on with the same attempt and its log', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const first = await openedLease(plane, buildId, target, 1);
    await plane.door.log(first, 0, Buffer.from('first\n'));
    const grant = await plane.door.lease({ kind: 'build', id: buildId, target, delivery: 2, worker: 'w2' });
    expect(grant.logOffset).toBe(6);
    expect(grant.spec.attemptId).toBe(first.attemptId);
    await expect(plane.door.open(first.id, first.secret)).rejects.toMatchObject(refusal('FARM_LEASE_STALE'));
  });
});

describe('what a worker sends', () => {
  test('an output with another digest leaves nothing', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const expected = sha256Of('expected');
    await expect(plane.door.output(lease, expected, one(Buffer.from('other')))).rejects.toMatchObject(refusal('FARM_DIGEST_MISMATCH'));
    expect(await plane.blobs.has(expected)).toBe(false);
    expect(await plane.blobs.has(sha256Of('other'))).toBe(false);
  });

  test('the outputs of a lease are counted', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const put = (n: number) => plane.door.output(lease, sha256Of(`out ${n}`), one(Buffer.from(`out ${n}`)));
    for (let n = 0; n < 16; n += 1) await put(n);
    await expect(put(16)).rejects.toMatchObject(refusal('FARM_TOO_LARGE'));
  });

  test('log bytes are taken at their offset only', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    expect(await plane.door.log(lease, 0, Buffer.from('one\n'))).toEqual({ taken: true, offset: 4 });
    expect(await plane.door.log(lease, 0, Buffer.from('one\n'))).toEqual({ taken: false, offset: 4 });
    expect(await plane.door.log(lease, 9, Buffer.from('x'))).toEqual({ taken: false, offset: 4 });
    const both = await Promise.all([plane.door.log(lease, 4, Buffer.from('two\n')), plane.door.log(lease, 4, Buffer.from('two\n'))]);
    expect(both.map((answer) => answer.taken).sort()).toEqual([false, true]);
    const answer = await plane.app.inject({ url: `/api/attempts/${lease.attemptId}/log` });
    expect(answer.body).toBe('one\ntwo\n');
    expect((await plane.app.inject({ url: `/api/attempts/${lease.attemptId}/log?offset=5` })).body).toBe('wo\n');
  });

  test('a step event shows in the cell', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    await plane.door.event(lease, { step: 'requires', state: 'started' });
    expect(await cellOf(buildId)).toMatchObject({ state: 'running', step: 'requires' });
  });

  test('an outcome is taken once, again when it is the same, never another', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    await plane.door.log(lease, 0, Buffer.from('log\n'));
    const failed = { kind: 'build', state: 'failed', failure: failure('FARM_COMPILE_ERROR', 'build', { why: 'x' }) } as const;
    await plane.door.outcome(lease, failed);
    const opened = await plane.door.open(lease.id, lease.secret);
    await plane.door.outcome(opened, failed);
    await expect(plane.door.outcome(opened, { ...failed, failure: failure('FARM_MEMORY', 'build') })).rejects.toMatchObject(refusal('FARM_ENDED'));
    await expect(plane.door.log(opened, 4, Buffer.from('more'))).rejects.toMatchObject(refusal('FARM_ENDED'));
    expect(await cellOf(buildId)).toMatchObject({ state: 'failed', failure: { code: 'FARM_COMPILE_ERROR' } });
    const attempt = await plane.database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId }, include: { log: true } });
    expect(attempt).toMatchObject({ state: 'failed', logSha256: sha256Of('log\n'), log: [] });
    expect((await plane.app.inject({ url: `/api/attempts/${lease.attemptId}/log` })).body).toBe('log\n');
  });

  test('a wheel that was not put is no success', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const outcome = { ...await succeededOutcome(plane, lease, 'a.whl'), wheel: { sha256: sha256Of('nothing'), filename: 'a.whl', bytes: 1 } };
    await expect(plane.door.outcome(lease, outcome)).rejects.toMatchObject(refusal('FARM_BAD_REQUEST'));
    expect(await cellOf(buildId)).toMatchObject({ state: 'running' });
  });

  test('a worker that goes down leaves the cell to the next delivery; a cancel that was asked for ends it', async () => {
    const { buildId } = await startedBuild(plane, [target]);
    await plane.door.outcome(await openedLease(plane, buildId, target, 1), { kind: 'build', state: 'cancelled' });
    expect(await cellOf(buildId)).toMatchObject({ state: 'running' });
    const lease = await openedLease(plane, buildId, target, 2);
    await plane.builds.cancel(buildId, 'a test');
    await plane.door.outcome(lease, { kind: 'build', state: 'cancelled' });
    expect(await cellOf(buildId)).toMatchObject({ state: 'cancelled', failure: { code: 'FARM_CANCELLED' } });
  });
});

describe('the end in one request', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const lastWords = (name: string): LastWords => ({
    outcome: {
      kind: 'build', state: 'succeeded', compilerCalls: 0, compilerFailures: 0, notes: ['a note'], audit: {}, grafted: [],
      wheel: { sha256: sha256Of(`wheel of ${name}`), filename: `${name}-1.0-cp311-cp311-manylinux_2_17_x86_64.whl`, bytes: 1 },
    },
    events: [{ step: 'build', state: 'started' }, { step: 'build', state: 'ended', ms: 5, note: 'x' }],
    log: { offset: 0, bytes: base64('all of it\n') },
    output: { sha256: sha256Of(`wheel of ${name}`), bytes: base64(`wheel of ${name}`) },
  });
  const leased = async (buildId: string, delivery = 1) => {
    const grant = await plane.door.lease({ kind: 'build', id: buildId, target, delivery, worker: 'w' });
    return { grant, lease: await plane.door.name(grant.leaseId, grant.secret) };
  };

  test('records output, events, log and outcome, and the same again changes nothing', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const { grant, lease } = await leased(buildId);
    await plane.door.end(lease, lastWords(name));
    await plane.door.end(lease, lastWords(name));
    const attempt = await plane.database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId }, include: { log: true, events: true } });
    expect(attempt).toMatchObject({ state: 'running', step: 'build', builtSha256: sha256Of(`wheel of ${name}`), log: [], logBytes: 10n });
    expect(attempt.events.map(({ step, state, ms, note }) => [step, state, ms, note])).toEqual([['build', 'started', null, null], ['build', 'ended', 5, 'x']]);
    expect((await plane.app.inject({ url: `/api/attempts/${lease.attemptId}/log` })).body).toBe('all of it\n');
    expect(await cellOf(buildId)).toMatchObject({ state: 'running', step: 'describe', notes: ['a note'] });
    expect((await plane.door.open(grant.leaseId, grant.secret)).ended).toBe(true);
    const other = { ...lastWords(name), outcome: { kind: 'build', state: 'failed', failure: failure('FARM_MEMORY', 'build') } } as LastWords;
    await expect(plane.door.end(lease, other)).rejects.toMatchObject(refusal('FARM_ENDED'));
  });

  test('goes on after a log that was sent in parts', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const { lease } = await leased(buildId);
    await plane.door.log(lease, 0, Buffer.from('part\n'));
    await plane.door.end(lease, { ...lastWords(name), log: { offset: 5, bytes: base64('rest\n') } });
    const attempt = await plane.database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId }, include: { log: true } });
    expect(attempt).toMatchObject({ logSha256: sha256Of('part\nrest\n'), log: [], logBytes: 10n });
  });

  test('is refused to an older delivery, to another secret, after the end of the build, and with other bytes', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const { grant, lease } = await leased(buildId);
    await expect(plane.door.name(grant.leaseId, 'x')).rejects.toMatchObject(refusal('FARM_UNAUTHORIZED'));
    await expect(plane.door.end({ ...lease, secretHash: sha256Of('x') }, lastWords(name))).rejects.toMatchObject(refusal('FARM_UNAUTHORIZED'));
    const wrong = { ...lastWords(name), output: { sha256: sha256Of('other'), bytes: base64('wheel') } };
    await expect(plane.door.end(lease, wrong)).rejects.toMatchObject(refusal('FARM_DIGEST_MISMATCH'));
    const { lease: newer } = await leased(buildId, 2);
    await expect(plane.door.end(lease, lastWords(name))).rejects.toMatchObject(refusal('FARM_LEASE_STALE'));
    await expect(plane.door.lock(lease, { lock: [] })).rejects.toMatchObject(refusal('FARM_LEASE_STALE'));
    await plane.records.endBuild(buildId, 'cancelled');
    await expect(plane.door.end(newer, lastWords(name))).rejects.toMatchObject(refusal('FARM_ENDED'));
    expect(await cellOf(buildId)).toMatchObject({ state: 'cancelled' });
  });
});

describe('pure by mistake', () => {
  test('a pure wheel after a compiler call is a failure with the compiler error', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const evidence = { file: 'x.c', line: 3, text: 'x.c:3: error: no' };
    await plane.door.outcome(lease, await succeededOutcome(plane, lease, `${name}-1.0-py3-none-any.whl`, {
      compilerCalls: 2, compilerFailures: 1, audit: { compilerEvidence: evidence },
    }));
    expect(await cellOf(buildId)).toMatchObject({ state: 'failed', failure: { code: 'FARM_PURE_BY_MISTAKE', evidence } });
    expect(await plane.records.describeInput(buildId, target)).toBeNull();
  });

  test('so is one beside a native sibling, and one without either is pure', async () => {
    const other = 'cp311-manylinux_aarch64';
    const { buildId, name } = await startedBuild(plane, [target, other]);
    const native = await openedLease(plane, buildId, target);
    await plane.door.outcome(native, await succeededOutcome(plane, native, `${name}-1.0-cp311-cp311-manylinux_2_17_x86_64.whl`));
    const pure = await openedLease(plane, buildId, other);
    await plane.door.outcome(pure, await succeededOutcome(plane, pure, `${name}-1.0-py3-none-any.whl`, { compilerCalls: 0 }));
    expect(await cellOf(buildId, other)).toMatchObject({ failure: { code: 'FARM_PURE_BY_MISTAKE' } });
    expect(await cellOf(buildId)).toMatchObject({ state: 'running', step: 'describe' });

    const alone = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, alone.buildId, target);
    await plane.door.outcome(lease, await succeededOutcome(plane, lease, `${alone.name}-1.0-py3-none-any.whl`, { compilerCalls: 0 }));
    expect(await cellOf(alone.buildId)).toMatchObject({ state: 'running', step: 'describe', failure: null });
  });
});

describe('over HTTP', () => {
  const headers = { authorization: `Bearer ${workerToken}` };

  test('a whole delivery: lease, input, output, log, lock, outcome', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const request = { kind: 'build', id: buildId, target, delivery: 1, worker: 'w' };
    expect((await plane.app.inject({ method: 'POST', url: '/worker/leases', payload: request })).statusCode).toBe(401);
    const grant = (await plane.app.inject({ method: 'POST', url: '/worker/leases', payload: request, headers })).json<LeaseGrant>();
    const secret = { ...headers, 'x-lease-secret': grant.secret };
    const at = `/worker/leases/${grant.leaseId}`;
    const source = 'source' in grant.spec ? grant.spec.source : null;
    const input = await plane.app.inject({ url: `${at}/inputs/${source?.sha256}`, headers: secret });
    expect(sha256Of(input.rawPayload)).toBe(source?.sha256);
    expect((await plane.app.inject({ url: `${at}/inputs/${source?.sha256}`, headers })).statusCode).toBe(401);

    const bytes = Buffer.from(`wheel of ${name}`);
    const octets = { ...secret, 'content-type': 'application/octet-stream' };
    const wrong = await plane.app.inject({ method: 'PUT', url: `${at}/outputs/${sha256Of('x')}`, headers: octets, payload: bytes });
    expect([wrong.statusCode, wrong.json<{ code: string }>().code]).toEqual([422, 'FARM_DIGEST_MISMATCH']);
    const put = await plane.app.inject({ method: 'PUT', url: `${at}/outputs/${sha256Of(bytes)}`, headers: octets, payload: bytes });
    expect(put.json()).toEqual({ sha256: sha256Of(bytes), bytes: bytes.length });

    const log = await plane.app.inject({ method: 'POST', url: `${at}/log?offset=0`, headers: octets, payload: 'line\n' });
    expect([log.statusCode, log.json()]).toEqual([200, { offset: 5 }]);
    const twice = await plane.app.inject({ method: 'POST', url: `${at}/log?offset=0`, headers: octets, payload: 'line\n' });
    expect([twice.statusCode, twice.json()]).toEqual([409, { offset: 5 }]);

    const lock = await plane.app.inject({ method: 'POST', url: `${at}/lock`, headers: secret, payload: { lock: [] } });
    expect(lock.json()).toMatchObject({ known: false });
    const outcome = {
      kind: 'build', state: 'succeeded', wheel: { sha256: sha256Of(bytes), filename: `${name}-1.0-py3-none-any.whl`, bytes: bytes.length },
      compilerCalls: 0, compilerFailures: 0, notes: ['built without libyaml'], audit: {}, grafted: [],
    };
    expect((await plane.app.inject({ method: 'POST', url: `${at}/outcome`, headers: secret, payload: outcome })).statusCode).toBe(204);
    expect((await plane.app.inject({ method: 'POST', url: `${at}/outcome`, headers: secret, payload: { kind: 'build' } })).statusCode).toBe(400);
    expect(await cellOf(buildId)).toMatchObject({ step: 'describe', notes: ['built without libyaml'] });
    const again = await plane.app.inject({ method: 'POST', url: '/worker/leases', payload: { ...request, delivery: 0 }, headers });
    expect(again.statusCode).toBe(400);
  });
});
