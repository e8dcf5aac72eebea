import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prismaHistories } from '../../orchestrator/adapters/history.ts';
import { prismaLateEdits } from '../../orchestrator/adapters/prisma/late-edits.ts';
import { prismaRebuilds } from '../../orchestrator/adapters/rebuilds.ts';
import type { BuildView } from '../../orchestrator/contract/api.ts';
import type { SdistSpec } from '../../orchestrator/contract/worker.ts';
import { asPlan } from '../../orchestrator/adapters/prisma/rows.ts';
import type { Rebuilds } from '../../orchestrator/edit-ports.ts';
import { one, openedLease, startedBuild, succeededOutcome, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist, makeWheel } from '../support/distributions.ts';
import { startEditPlane, type EditPlane } from '../support/edit-plane.ts';
import { codeOf as code } from '../support/failures.ts';
import { filesToPublish, sha256Of } from '../support/index-plane.ts';

const target = 'cp313-musllinux_x86_64';
const tag = 'cp313-cp313-musllinux_1_2_x86_64';
let kit: EditPlane;
let plane: ControlPlane;
let rebuilds: Rebuilds;

beforeAll(async () => {
  kit = await startEditPlane();
  plane = kit.plane;
  rebuilds = prismaRebuilds(plane.ports, plane.builds);
}, 300_000);
afterAll(() => kit.stop());

const asked = (name: string, more: object = {}) => ({ what: `${name}==1.0`, targets: [], why: 'a compiler was broken', by: 'ann', ...more });
const requirement = { name: 'setuptools', version: '80', filename: 'setuptools-80-py3-none-any.whl', sha256: sha256Of('setuptools') };

/** A lease whose lock was told; what was built under its key before. */
async function locked(buildId: string): Promise<{ lease: Awaited<ReturnType<typeof openedLease>>; known: boolean }> {
  const lease = await openedLease(plane, buildId, target);
  return { lease, known: (await plane.door.lock(lease, { lock: [requirement] })).known };
}

/** Ends a build well, its wheel by this name. */
async function succeed(buildId: string, filename: string): Promise<boolean> {
  const { lease, known } = await locked(buildId);
  if (!known) await plane.door.outcome(lease, await succeededOutcome(plane, lease, filename));
  await plane.records.recordDescribed(buildId, target, {
    wheelSha256: sha256Of(filename), wheelFilename: filename, bytes: 7, metadataSha256: sha256Of('m'), sbomSha256: sha256Of('s'),
  });
  await plane.records.endBuild(buildId, 'succeeded');
  return known;
}

/** A release that was built and published. */
async function released(): Promise<string> {
  const { name, buildId } = await startedBuild(plane, [target]);
  await succeed(buildId, `${name}-1.0-${tag}.whl`);
  const wheel = makeWheel({ name, version: '1.0', tag, requiresPython: '>=3.8', requires: ['six>=1'] });
  await kit.index.publish({ project: name, displayName: name, version: '1.0', buildId, files: await filesToPublish(kit.web.blobs, [wheel]) });
  return name;
}
const planOf = async ({ planSha256 }: BuildView) => asPlan((await plane.database.prisma.plan.findUniqueOrThrow({ where: { sha256: planSha256 } })).text);

describe('a release that is built again', () => {
  test('gets the next build tag, for the targets that it had, and nothing that was built before is taken', async () => {
    const name = await released();
    const build = await rebuilds.start(asked(name));
    expect(build).toMatchObject({ state: 'running', started: true, cells: [{ target, state: 'queued' }] });
    const { rebuild, source } = await planOf(build);
    expect(rebuild).toMatchObject({ buildTag: 1, why: 'a compiler was broken', by: 'ann', from: { sha256: source.sdistSha256 } });
    expect(plane.workflows.started.some(({ buildId }) => buildId === build.id)).toBe(true);
    expect(await succeed(build.id, `${name}-1.0-1-${tag}.whl`)).toBe(false);
    const [, entry] = await prismaHistories(plane.database).of(name);
    expect(entry).toMatchObject({ kind: 'rebuild', by: 'ann', why: 'a compiler was broken', changes: ['build tag 1'], version: '1.0' });
  });

  test('is not edited meanwhile, and not built again while it is edited', async () => {
    const name = await released();
    const { id } = await rebuilds.start(asked(name));
    expect(await code(kit.started(name))).toBe('FARM_REBUILD_RUNNING');
    expect(await code(rebuilds.start(asked(name)))).toBe('FARM_REBUILD_RUNNING');
    await plane.records.endBuild(id, 'cancelled');
    const edit = await kit.started(name);
    expect(await code(rebuilds.start(asked(name)))).toBe('FARM_EDIT_RUNNING');
    await kit.deliver(edit.id);
    expect((await planOf(await rebuilds.start(asked(name)))).rebuild?.buildTag).toBe(2);
  });

  test('its new wheels join with the edits in force, under the tag after their own', async () => {
    const name = await released();
    await kit.deliver((await kit.started(name)).id);
    const { id } = await rebuilds.start(asked(name));
    const wheel = makeWheel({ name, version: '1.0', tag, build: '2', content: 'again', requiresPython: '>=3.8', requires: ['six>=1'] });
    const files = await filesToPublish(kit.web.blobs, [wheel]);
    const late = prismaLateEdits({ database: plane.database, blobs: kit.web.blobs });
    const order = { project: name, displayName: name, version: '1.0', buildId: id, files };
    const { origins, files: edited } = await late.of(order);
    expect([files, edited].flat().map(({ filename }) => filename)).toEqual([`${name}-1.0-2-${tag}.whl`, `${name}-1.0-3-${tag}.whl`]);
    expect(origins[0]).toMatchObject({ delivery: { mode: 'respin', buildTag: 3 }, original: { name: `${name}-1.0-2-${tag}.whl` } });
    await plane.records.saveAttestations(await kit.signer.signRespins(origins));
    await kit.index.publish({ ...order, files: [...files, ...edited] });
    expect(await late.of(order)).toEqual({ origins: [], files: [] });
    await plane.records.endBuild(id, 'succeeded');
    const next = await kit.started(name, ['Summary: again']);
    expect([next.buildTag, next.groups.flatMap(({ filenames }) => filenames)]).toEqual([4, [`${name}-1.0-3-${tag}.whl`]]);
  });

  test('is refused by name where it cannot be', async () => {
    expect(await code(rebuilds.start(asked('never-heard')))).toBe('FARM_REBUILD_RELEASE');
    const name = await released();
    const wheelsOnly = await kit.published();
    expect(await code(rebuilds.start(asked(wheelsOnly)))).toBe('FARM_REBUILD_RELEASE');
    for (const setVersion of ['1.0.0', 'one']) expect(await code(rebuilds.start(asked(name, { setVersion })))).toBe('FARM_REBUILD_VERSION');
    expect(await code(rebuilds.start({ ...asked(name), what: name }))).toBe('FARM_WHAT_UNCLEAR');
    expect(await code(rebuilds.start(asked(name, { targets: ['cp2*'] })))).toBe('FARM_TARGETS_EMPTY');
  });
});

describe('a release that is built as another version', () => {
  /** The worker's answer: an sdist of this version. */
  async function made(sourceId: string, name: string, version: string): Promise<SdistSpec> {
    const grant = await plane.door.lease({ kind: 'sdist', id: sourceId, target: '', delivery: 1, worker: 'w' });
    const lease = { ...await plane.door.open(grant.leaseId, grant.secret), secret: grant.secret };
    const { bytes, filename } = await makeSdist({ name, version });
    await plane.door.output(lease, sha256Of(bytes), one(bytes));
    await plane.door.outcome(lease, { kind: 'sdist', state: 'succeeded', sdist: { sha256: sha256Of(bytes), filename, bytes: bytes.length } });
    return grant.spec as SdistSpec;
  }

  test('tells the back end by its environment, of sdist and wheels, and the plan says what it was made of', async () => {
    const name = await released();
    const request = asked(name, { setVersion: '1.0.1' });
    const source = await rebuilds.source(request);
    expect(source).toMatchObject({ kind: 'release', state: 'making' });
    expect((await rebuilds.source(request)).id).toBe(source.id);
    const spec = await made(source.id, name, '1.0.1');
    const pretended = { name: `SETUPTOOLS_SCM_PRETEND_VERSION_FOR_${name.toUpperCase()}`, parts: [{ text: '1.0.1' }] };
    expect(spec.environment).toContainEqual(pretended);
    const build = await rebuilds.start(request);
    expect(build).toMatchObject({ project: name, version: '1.0.1', sdist: { filename: `${name}-1.0.1.tar.gz` } });
    const plan = await planOf(build);
    expect(plan.rebuild).toMatchObject({ setVersion: '1.0.1', from: { filename: `${name}-1.0.tar.gz` } });
    expect([plan.rebuild?.buildTag, plan.source.origin]).toEqual([undefined, 'file']);
    expect(plan.cells[0]?.build?.environment).toContainEqual(pretended);
  });

  test('fails by name where the sdist goes on saying the old one', async () => {
    const name = await released();
    const request = asked(name, { setVersion: '2.0' });
    const { id } = await rebuilds.source(request);
    await made(id, name, '1.0');
    expect(await plane.sources.view(id)).toMatchObject({ state: 'failed', failure: { code: 'FARM_REBUILD_VERSION', message: expect.stringContaining('goes on saying 1.0') } });
  });
});

