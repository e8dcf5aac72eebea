import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrationSql } from '../../infra/migration.ts';
import { migrate } from '../../orchestrator/adapters/prisma/migrate.ts';
import { failure } from '../../orchestrator/domain/failure.ts';
import type { Described } from '../../orchestrator/ports.ts';
import { openedLease, startControlPlane, startedBuild, succeededOutcome, type ControlPlane } from '../support/control-plane.ts';
import { makeWheel } from '../support/distributions.ts';
import { sha256Of } from '../support/index-plane.ts';
import { startPostgres } from '../support/postgres.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

const target = 'cp311-manylinux_x86_64';
const untested = 'cp313-musllinux_x86_64';
const lock = [{ name: 'setuptools', version: '80', filename: 'setuptools-80-py3-none-any.whl', sha256: sha256Of('setuptools') }];
const cellOf = async (buildId: string, of = target) => (await plane.builds.view(buildId)).cells.find((cell) => cell.target === of);

/** Builds and describes a cell as worker and activities do. */
async function builtCell(name: string, buildId: string, of = target): Promise<Described> {
  const described = await describedCell(name, buildId, of);
  expect(await plane.records.recordDescribed(buildId, of, described)).toBe(true);
  return described;
}

/** Builds a cell and makes its final wheel, which is not recorded yet. */
async function describedCell(name: string, buildId: string, of: string): Promise<Described> {
  const lease = await openedLease(plane, buildId, of);
  await plane.door.lock(lease, { lock });
  await plane.door.outcome(lease, await succeededOutcome(plane, lease, `${name}-1.0-${of.replace('-', '-cp311-')}.whl`));
  const wheel = makeWheel({ name, version: '1.0', requiresPython: '>=3.9', content: of });
  const [kept, metadata] = [await plane.blobs.put(wheel.bytes), await plane.blobs.put(Buffer.from(wheel.metadata))];
  return {
    wheelSha256: kept.sha256, wheelFilename: `${name}-1.0-${of.replace('-', '-cp311-')}.whl`, bytes: kept.bytes,
    metadataSha256: metadata.sha256, sbomSha256: sha256Of('sbom'),
  };
}

async function tested(buildId: string, how: 'passed' | 'failed'): Promise<void> {
  const lease = await openedLease(plane, buildId, target, 1, 'test');
  await plane.door.log(lease, (await plane.ports.database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } })).logBytes === 0n ? 0 : 1, Buffer.from('t'));
  await plane.door.outcome(lease, {
    kind: 'test', tested: how, how: 'import', imports: ['x'], lock: [],
    ...(how === 'failed' ? { failure: failure('FARM_TEST_IMPORT', 'test', { why: 'no' }) } : {}),
  });
}

describe('migrations', () => {
  test('lead to the schema, and twice change nothing', async () => {
    const empty = await startPostgres('empty');
    try {
      expect(await migrationSql(empty.url)).toBe('');
    } finally {
      await empty.stop();
    }
    const started = Date.now();
    expect(await migrate(plane.database.url)).toEqual([]);
    expect(Date.now() - started).toBeLessThan(1000);
  }, 30_000);
});

describe('a cell', () => {
  test('goes from build through describe and test to succeeded', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const described = await builtCell(name, buildId);
    expect(await cellOf(buildId)).toMatchObject({ state: 'running', step: 'test', wheel: described.wheelFilename });
    await plane.records.recordDescribed(buildId, target, described);
    await tested(buildId, 'passed');
    expect(await cellOf(buildId)).toMatchObject({ state: 'succeeded', step: null, tested: 'passed', testFailure: null });
    await plane.records.recordFailure(buildId, target, failure('FARM_WORKER_LOST', 'build', { why: 'late' }));
    expect(await cellOf(buildId)).toMatchObject({ state: 'succeeded', failure: null });
  });

  test('without a runner has succeeded when it is described', async () => {
    const { buildId, name } = await startedBuild(plane, [untested]);
    await builtCell(name, buildId, untested);
    expect(await cellOf(buildId, untested)).toMatchObject({ state: 'succeeded', tested: 'no-runner' });
    expect(plane.workflows.started.at(-1)?.scout).toEqual([untested, 0, -1]);
  });

  test('whose test image is not made yet says so in its notes', async () => {
    const { buildId, name } = await startedBuild(plane, [untested]);
    const described = await describedCell(name, buildId, untested);
    await plane.database.pool.query(
      `update attempt set "row" = "row" || '{"untested": "the test image late is not made yet"}' where build_id = $1`, [buildId]);
    await plane.records.recordDescribed(buildId, untested, described);
    const { cells } = await plane.builds.view(buildId);
    expect(cells).toMatchObject([{ state: 'succeeded', tested: 'no-runner', notes: ['not tested: the test image late is not made yet'] }]);
  });

  test('described at the same time as another is compared with it in the end', async () => {
    const { buildId, name } = await startedBuild(plane, [target, untested]);
    const wheels = await Promise.all([target, untested].map(async (of) => ({ of, described: await describedCell(name, buildId, of) })));
    for (const { of } of wheels) expect((await plane.records.describeInput(buildId, of))?.siblings).toEqual([]);
    const kept = await Promise.all(wheels.map(({ of, described }) => plane.records.recordDescribed(buildId, of, described, true)));
    expect(kept.toSorted()).toEqual([false, true]);
    const { of, described } = wheels[kept.indexOf(false)]!;
    expect((await plane.records.describeInput(buildId, of))?.siblings).toHaveLength(1);
    expect(await plane.records.recordDescribed(buildId, of, described)).toBe(true);
  });

  test('is compared with what another plan of its release has published', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const { metadataSha256 } = await describedCell(name, buildId, target);
    await plane.database.prisma.file.create({ data: {
      filename: `${name}-1.0-cp313-cp313-x.whl`, sha256: sha256Of(name), bytes: 1n, project: name, version: '1.0', kind: 'wheel',
      metadataSha256, uploadTime: new Date(), buildId: 'before', target: untested, serial: 0n,
    } });
    expect((await plane.records.describeInput(buildId, target))?.siblings).toEqual([{ target: untested, metadataSha256 }]);
  });

  test('whose test failed keeps its wheel and is neither signed nor published', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    await builtCell(name, buildId);
    await tested(buildId, 'failed');
    expect(await cellOf(buildId)).toMatchObject({ state: 'succeeded', tested: 'failed', testFailure: { code: 'FARM_TEST_IMPORT' } });
    expect((await plane.records.filesToPublish(buildId)).map((file) => file.kind)).toEqual(['sdist']);
  });

  test('is covered by a sibling only while it waits', async () => {
    const { buildId, name } = await startedBuild(plane, [target, untested]);
    const { wheelFilename } = await builtCell(name, buildId);
    await plane.records.coverCells(buildId, [{ target: untested, by: target }, { target, by: untested }]);
    expect(await cellOf(buildId, untested)).toMatchObject({ state: 'covered', coveredBy: target, wheel: wheelFilename });
    expect(await cellOf(buildId)).toMatchObject({ state: 'running' });
    await expect(plane.door.lease({ kind: 'build', id: buildId, target: untested, delivery: 1, worker: 'w' })).rejects.toMatchObject({ failure: { code: 'FARM_ENDED' } });
  });
});

describe('a release', () => {
  test('is signed once and published with what its wheels say', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const { wheelSha256, wheelFilename } = await builtCell(name, buildId);
    await tested(buildId, 'passed');
    const files = await plane.records.filesToSign(buildId);
    expect(files.map((file) => [file.kind, file.filename])).toEqual([['sdist', `${name}-1.0.tar.gz`], ['wheel', wheelFilename]]);
    expect(files[1]?.attempt).toMatchObject({ lock, image: { name: 'cross-test' }, sbomSha256: sha256Of('sbom') });
    expect(files[1]?.attempt?.attemptKey).toMatch(/^[0-9a-f]{64}$/);
    const statement = {
      filename: wheelFilename, fileSha256: wheelSha256, kind: 'publish', predicateType: 't', statementSha256: sha256Of(buildId), bundle: { a: 1 },
    } as const;
    await plane.records.saveAttestations([statement]);
    await plane.records.saveAttestations([{ ...statement, bundle: { a: 2 } }]);
    expect((await plane.records.filesToSign(buildId)).map((file) => file.kind)).toEqual(['sdist']);
    expect((await plane.database.prisma.attestation.findFirst({ where: { fileSha256: wheelSha256 } }))?.bundle).toEqual({ a: 1 });
    expect((await plane.records.filesToPublish(buildId))[1]).toMatchObject({ filename: wheelFilename, requiresPython: '>=3.9', target });
  });

  test('that ends takes its open cells, attempts and leases with it, once', async () => {
    const { buildId } = await startedBuild(plane, [target, untested]);
    const lease = await openedLease(plane, buildId, target);
    await plane.builds.cancel(buildId, 'somebody');
    await plane.records.endBuild(buildId, 'cancelled');
    await plane.records.endBuild(buildId, 'succeeded');
    const view = await plane.builds.view(buildId);
    expect(view).toMatchObject({ state: 'cancelled', failure: { code: 'FARM_CANCELLED', message: 'Cancelled by somebody.' } });
    expect(view.cells.map((cell) => cell.state)).toEqual(['cancelled', 'cancelled']);
    await expect(plane.door.open(lease.id, lease.secret)).rejects.toMatchObject({ failure: { code: 'FARM_ENDED' } });
  });
});

describe('an attempt key', () => {
  test('that succeeded before is not built again', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const described = await builtCell(name, buildId);
    await tested(buildId, 'passed');
    await plane.records.endBuild(buildId, 'succeeded');
    // Another choice of targets is another plan; the cell that both have was built already.
    const wider = await plane.builds.start({ what: name, targets: [target, untested] });
    expect(wider.id).not.toBe(buildId);
    const lease = await openedLease(plane, wider.id, target);
    expect(await plane.door.lock(lease, { lock })).toMatchObject({ known: true, state: 'succeeded' });
    const input = await plane.records.describeInput(wider.id, target);
    expect(input).toMatchObject({ builtFilename: described.wheelFilename, lock });
    await plane.records.recordDescribed(wider.id, target, described);
    const first = await plane.database.prisma.attempt.findFirstOrThrow({ where: { buildId, target } });
    const files = await plane.records.filesToSign(wider.id);
    expect(files.filter((file) => file.kind === 'wheel')).toEqual([]);   // its test is still to come
    await tested(wider.id, 'passed');
    expect((await plane.records.filesToSign(wider.id))[1]?.attempt?.id).toBe(first.id);
  });

  test('comes with the end of a first attempt, and is known to the next one', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const grant = await plane.door.lease({ kind: 'build', id: buildId, target, delivery: 1, worker: 'w' });
    expect(grant.first).toBe(true);
    const lease = await plane.door.open(grant.leaseId, grant.secret);
    await plane.door.end(lease, { outcome: await succeededOutcome(plane, lease, `${name}-1.0-cp311-cp311-manylinux_x86_64.whl`), lock });
    const kept = await plane.database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } });
    expect(kept).toMatchObject({ lock, attemptKey: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await plane.database.prisma.attempt.update({ where: { id: lease.attemptId }, data: { state: 'succeeded' } });
    await plane.records.endBuild(buildId, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: target }));
    const wider = await plane.builds.start({ what: name, targets: [target, untested] });
    const [next, other] = await Promise.all([target, untested].map((of) =>
      plane.door.lease({ kind: 'build', id: wider.id, target: of, delivery: 1, worker: 'w' })));
    expect([next?.first, other?.first]).toEqual([undefined, true]);
    const opened = await plane.door.open(next?.leaseId ?? '', next?.secret ?? '');
    expect(await plane.door.lock(opened, { lock })).toMatchObject({ known: true, attemptKey: kept.attemptKey });
  });

  test('with other requirements is built again', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    await builtCell(name, buildId);
    await plane.records.endBuild(buildId, 'succeeded');
    const wider = await plane.builds.start({ what: name, targets: [target, untested] });
    const lease = await openedLease(plane, wider.id, target);
    expect(await plane.door.lock(lease, { lock: [{ ...lock[0]!, sha256: sha256Of('newer') }] })).toMatchObject({ known: false });
  });

  test('that the project failed is a known failure, unless it is asked for again', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    await plane.door.lock(lease, { lock });
    await plane.door.outcome(lease, { kind: 'build', state: 'failed', failure: failure('FARM_COMPILE_ERROR', 'build', { why: 'x' }) });
    await plane.records.endBuild(buildId, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: target }));
    const wider = await plane.builds.start({ what: name, targets: [target, untested] });
    expect(await plane.door.lock(await openedLease(plane, wider.id, target), { lock })).toMatchObject({ known: true, state: 'failed' });
    expect(await cellOf(wider.id)).toMatchObject({ state: 'failed', failure: { code: 'FARM_COMPILE_ERROR' } });
    await plane.records.endBuild(wider.id, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: target }));
    const again = await plane.builds.start({ what: name, targets: [target, untested], again: true });
    expect(await plane.door.lock(await openedLease(plane, again.id, target), { lock })).toMatchObject({ known: false });
  });
});
