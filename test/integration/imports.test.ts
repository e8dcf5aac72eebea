import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importActivities } from '../../orchestrator/activities/imports.ts';
import { prismaEdits } from '../../orchestrator/adapters/edits.ts';
import { prismaImports } from '../../orchestrator/adapters/imports.ts';
import { prismaEditRecords } from '../../orchestrator/adapters/prisma/edit-records.ts';
import { prismaImportRecords } from '../../orchestrator/adapters/prisma/import-records.ts';
import { provenanceObject, toPep740, type SigstoreBundle } from '../../orchestrator/adapters/sigstore/bundle.ts';
import { localSigner } from '../../orchestrator/adapters/sigstore/local-signer.ts';
import { openLocalAuthority } from '../../orchestrator/adapters/sigstore/local.ts';
import { memoryLogStore } from '../../orchestrator/adapters/sigstore/log-store.ts';
import { pgLogStore } from '../../orchestrator/adapters/sigstore/log-store-pg.ts';
import { upstreamHttp } from '../../orchestrator/adapters/upstream-http.ts';
import { upstreamIndex } from '../../orchestrator/adapters/upstream.ts';
import type { ImportActivities } from '../../orchestrator/contract/activities.ts';
import type { Edits, Imports } from '../../orchestrator/edit-ports.ts';
import type { Signer } from '../../orchestrator/ports.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist, makeWheel, type MadeDistribution } from '../support/distributions.ts';
import { codeOf as code } from '../support/failures.ts';
import { filesToPublish, sha256Of, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';

/** What the index upstream has; `said` replaces what its page says of a file. */
interface Offered { readonly made: MadeDistribution; readonly said: object; readonly provenance: unknown }

let plane: ControlPlane;
let web: IndexPlane;
let folder: string;
let upstream: Server;
let address: string;
let theirs: Signer;
let imports: Imports & { sweep(): Promise<void> };
let edits: Edits;
let activities: ImportActivities;
let number = 0;
const offered = new Map<string, Offered[]>();
const uploadTime = '2024-12-08T10:00:00.000000Z';

beforeAll(async () => {
  plane = await startControlPlane();
  folder = await mkdtemp(join(tmpdir(), 'farm-imports-'));
  upstream = createServer((request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    const files = [...offered.values()].flat();
    const one = files.find(({ made }) => made.filename === name);
    if (kind === 'simple') {
      const project = offered.get(name);
      response.writeHead(project ? 200 : 404, { 'content-type': 'application/vnd.pypi.simple.v1+json' });
      return response.end(JSON.stringify({ files: (project ?? []).map(pageEntry) }));
    }
    response.writeHead(one ? 200 : 404);
    return response.end(kind === 'integrity' ? JSON.stringify(one?.provenance) : one?.made.bytes);
  });
  await new Promise<void>((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
  address = `http://127.0.0.1:${(upstream.address() as { port: number }).port}/`;
  const { database, workflows, ports: { clock } } = plane;
  web = await startIndexPlane({ databaseUrl: database.url, upstream: 'http://127.0.0.1:9/simple/', folder });
  const { blobs, pool } = web;
  const http = await upstreamHttp({ url: `${address}simple/`, certificates: null, from: 'setting' });
  const index = upstreamIndex({ http, pool, blobs, clock, folder: join(folder, 'downloads') });
  const foreign = await openLocalAuthority({ folder: join(folder, 'their-keys'), farmId: 'theirs', now: clock.now });
  theirs = localSigner({ authority: foreign, log: memoryLogStore() });
  const { trustedRoot } = JSON.parse((await theirs.trustConfig()).json) as { trustedRoot: unknown };
  const records = prismaImportRecords({ database, blobs, upstream: index, trustedRoot: async () => ({ trustedRoot, fresh: true }) });
  const shared = { database, workflows, upstream: index, clock, builder: 'test 1', index: 'http://127.0.0.1/simple/' };
  imports = prismaImports({ ...shared, records });
  edits = prismaEdits({ ...shared, blobs, records: prismaEditRecords({ database, blobs }) });
  const authority = await openLocalAuthority({ folder: join(folder, 'keys'), farmId: 'test', now: clock.now });
  const acts = importActivities({ imports: records, records: plane.records, signer: localSigner({ authority, log: pgLogStore(pool) }), index: web.index });
  const logger = new DefaultLogger('ERROR');   // a refusal is an answer here, not a fault
  const deliverable = <O>(act: (order: O) => Promise<void>) => (order: O) => new MockActivityEnvironment({}, { logger }).run(act, order) as Promise<void>;
  activities = {
    fetchImport: deliverable(acts.fetchImport), attestImport: deliverable(acts.attestImport),
    publishImport: deliverable(acts.publishImport), endImport: deliverable(acts.endImport),
  };
}, 120_000);
afterAll(async () => {
  upstream.close();
  await web.stop();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

const pageEntry = ({ made, said, provenance }: Offered) => ({
  filename: made.filename, url: `${address}files/${made.filename}`, hashes: { sha256: sha256Of(made.bytes) }, size: made.bytes.length,
  'upload-time': uploadTime, ...(provenance === null ? {} : { provenance: `${address}integrity/${made.filename}` }), ...said,
});

/** A project of its own on the index upstream: a wheel and an sdist. @shape signed: the name that its attestation is about */
async function offer(parts: { readonly said?: object; readonly signed?: string; readonly own?: (name: string) => object } = {}): Promise<string> {
  const name = `came${(number += 1)}`;
  const wheel = makeWheel({ name, version: '1.0', requiresPython: '>=3.8', requires: ['six>=1'] });
  let provenance: unknown = null;
  if (parts.signed !== undefined) {
    const [statement] = await theirs.signImports([{
      file: { name: parts.signed || wheel.filename, sha256: sha256Of(wheel.bytes) }, project: name, version: '1.0', importId: name, requestedBy: 'them',
      url: address, uploadTime: null, attested: 'none', attestedWhy: null, builderVersion: 'x', startedOn: uploadTime, finishedOn: uploadTime,
    }]);
    provenance = provenanceObject(theirs, [toPep740(statement?.bundle as SigstoreBundle)]);
  }
  offered.set(name, [
    { made: wheel, said: parts.said ?? {}, provenance }, { made: await makeSdist({ name, version: '1.0' }), said: { yanked: 'no good' }, provenance: null }]);
  return name;
}
const start = (name: string) => imports.start({ what: `${name}==1.0`, by: 'me' });
async function deliver(importId: string): Promise<void> {
  await activities.fetchImport({ importId });
  await activities.attestImport({ importId });
  await activities.publishImport({ importId });
}

describe('an import', () => {
  it('publishes every file as upstream has it, with its attestations and ours, once', async () => {
    const name = await offer({ signed: '' });
    const { id, state } = await start(name);
    expect([state, (await start(name)).id, plane.workflows.imports.filter((one) => one === id).length]).toEqual(['running', id, 1]);
    expect(await web.index.published(name, '1.0')).toEqual([]);
    for (const _ of ['once', 'again']) await deliver(id).catch((error: { type?: string }) => expect(error.type).toBe('FARM_ENDED'));
    const view = await imports.view(id);
    expect(view).toMatchObject({ state: 'published', failure: null });
    expect(view.files.map(({ attested, attestedWhy, oddity }) => [attested, attestedWhy, oddity])).toEqual([
      ['verified', expect.stringContaining('theirs.wheelfarm.invalid'), null], ['none', null, null]]);
    const page = await (await fetch(`${web.url}/simple/${name}/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } })).json() as {
      files: { filename: string; yanked: unknown; provenance: string; 'upload-time': string; 'core-metadata': unknown; 'requires-python': string }[];
    };
    expect(page.files.map((file) => [file.filename, file.yanked, file['upload-time'].slice(0, 19)])).toEqual([
      [`${name}-1.0-py3-none-any.whl`, false, uploadTime.slice(0, 19)], [`${name}-1.0.tar.gz`, 'no good', uploadTime.slice(0, 19)]]);
    expect(page.files[0]).toMatchObject({ 'requires-python': '>=3.8', 'core-metadata': { sha256: expect.any(String) } });
    const object = await (await fetch(page.files[0]?.provenance ?? '')).json() as { attestation_bundles: { publisher: { identity: string }; attestations: unknown[] }[] };
    expect(object.attestation_bundles.map(({ publisher, attestations }) => [publisher.identity, attestations.length])).toEqual([
      ['https://farm.invalid/builder', 2], [theirs.identity, 1]]);
    expect((await start(name)).id).toBe(id);
  });

  it('can be edited, and the edit says where the original came from', async () => {
    const name = await offer();
    await deliver((await start(name)).id);
    const preview = await edits.preview({ what: `${name}==1.0`, mode: 'respin', set: ['Requires-Python: <3.14'], remove: [], bound: [] });
    expect(preview.files.map(({ filename }) => filename)).toEqual([`${name}-1.0-1-py3-none-any.whl`]);
    expect(preview.remarks.join()).toContain('--bound "Requires-Python: <3.14"');
    const { attestation } = plane.database.prisma;
    const { bundle } = await attestation.findFirstOrThrow({ where: { filename: preview.files[0]?.original ?? '', kind: 'provenance' } });
    const { payload } = (bundle as { dsseEnvelope: { payload: string } }).dsseEnvelope;
    expect(JSON.parse(Buffer.from(payload, 'base64').toString())).toMatchObject({ predicate: { buildDefinition: {
      buildType: 'https://test.wheelfarm.invalid/buildtypes/import/v1', internalParameters: { url: expect.stringContaining(`${address}files/${name}`) } } } });
  });

  it.each([
    ['FARM_IMPORT_ATTESTATION', { signed: 'other-1.0-py3-none-any.whl' }],
    ['FARM_DIGEST_MISMATCH', { said: { hashes: { sha256: 'a'.repeat(64) } } }],
    ['FARM_IMPORT_FILE', { said: { 'core-metadata': { sha256: 'b'.repeat(64) } } }],
  ])('ends with %s and publishes nothing', async (expected, parts) => {
    const name = await offer(parts);
    const { id } = await start(name);
    expect(await code(activities.fetchImport({ importId: id }))).toBe(expected);
    await activities.endImport({ importId: id, code: expected, why: 'wrong' });
    expect(await imports.view(id)).toMatchObject({ state: 'failed', files: [], failure: { code: expected } });
    expect(await web.index.published(name, '1.0')).toEqual([]);
    expect((await plane.database.prisma.project.findUnique({ where: { name } }))?.held ?? false).toBe(false);
  });

  it('leaves names alone that are somebody\'s own, and releases that were built here', async () => {
    const [own, built] = [await offer(), await offer()];
    const { prisma } = plane.database;
    await prisma.project.create({ data: { name: own, displayName: own, held: true } });
    expect(await code(start(own))).toBe('FARM_IMPORT_HELD');
    await prisma.project.create({ data: { name: built, displayName: built } });
    await prisma.release.create({ data: { id: built, project: built, version: '1.0', sdistSha256: 'c', sdistFilename: 'c', origin: 'index' } });
    const { id } = await start(built);
    await activities.fetchImport({ importId: id });
    const files = await filesToPublish(web.blobs, [makeWheel({ name: built, version: '1.0', content: 'built' })]);
    await web.index.publish({ project: built, displayName: built, version: '1.0', buildId: 'b', files });
    expect(await code(start(built))).toBe('FARM_IMPORT_BUILT');
    expect(await code(activities.publishImport({ importId: id }))).toBe('FARM_IMPORT_BUILT');
  });

  it('is cancelled without a trace, also where Temporal is away', async () => {
    const name = await offer();
    plane.workflows.away = true;
    const { id } = await start(name);
    await activities.fetchImport({ importId: id });
    await imports.cancel(id, 'me');
    plane.workflows.away = false;
    await imports.sweep();
    expect(plane.workflows.imports).not.toContain(id);
    expect(await imports.view(id)).toMatchObject({ state: 'cancelled', files: [], failure: { code: 'FARM_CANCELLED' } });
    expect(await code(activities.publishImport({ importId: id }))).toBe('FARM_ENDED');
    expect((await start(name)).id).not.toBe(id);
  });

  it('refuses what is not there by name', async () => {
    const name = await offer();
    expect(await code(imports.start({ what: name, by: 'me' }))).toBe('FARM_WHAT_UNCLEAR');
    expect(await code(imports.start({ what: `${name}==2.0`, by: 'me' }))).toBe('FARM_VERSION_UNKNOWN');
    expect(await code(imports.start({ what: 'nobody-has-this==1.0', by: 'me' }))).toBe('FARM_PROJECT_UNKNOWN');
  });
});
