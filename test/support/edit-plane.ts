/** Everything that edits need, over a real database and blob folder, with the activities as Temporal would call them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { editActivities } from '../../orchestrator/activities/edits.ts';
import { composedBlobs } from '../../orchestrator/adapters/blobs-composed.ts';
import { editSdistBuilds } from '../../orchestrator/adapters/edits-sdist-build.ts';
import { prismaEdits } from '../../orchestrator/adapters/edits.ts';
import { prismaEditRecords } from '../../orchestrator/adapters/prisma/edit-records.ts';
import { uvChecks } from '../../orchestrator/adapters/resolver/check-edit.ts';
import { localSigner } from '../../orchestrator/adapters/sigstore/local-signer.ts';
import { openLocalAuthority } from '../../orchestrator/adapters/sigstore/local.ts';
import { pgLogStore } from '../../orchestrator/adapters/sigstore/log-store-pg.ts';
import type { EditActivities } from '../../orchestrator/contract/activities.ts';
import type { EditView } from '../../orchestrator/contract/edits.ts';
import { startControlPlane } from './control-plane.ts';
import { makeWheel } from './distributions.ts';
import { clientVenv } from './clients.ts';
import { filesToPublish, startIndexPlane } from './index-plane.ts';

/** A plane for edits and what tests do with it. */
export type EditPlane = Awaited<ReturnType<typeof startEditPlane>>;

/** Starts the plane; `stop` removes database and folder. */
export async function startEditPlane() {
  const plane = await startControlPlane();
  const folder = await mkdtemp(join(tmpdir(), 'farm-edits-'));
  const { database, workflows, upstream, ports: { clock } } = plane;
  const web = await startIndexPlane({ databaseUrl: database.url, upstream: 'http://127.0.0.1:9/simple/', folder });
  const { blobs } = web;
  const { index } = web;
  const records = prismaEditRecords({ database, blobs });
  const served = composedBlobs(blobs, database.pool);
  const edits = prismaEdits({ database, blobs, workflows, upstream, clock, records, builder: 'test 1', index: 'http://127.0.0.1/simple/',
    builds: { catalogue: plane.ports.catalogue, sdistPool: 'linux-amd64' } });
  const authority = await openLocalAuthority({ folder: join(folder, 'keys'), farmId: 'test', now: clock.now });
  const signer = localSigner({ authority, log: pgLogStore(database.pool) });
  const uv = await clientVenv('edit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1']);
  /** The environment in which resolvers and installers are looked for. */
  const env = { PATH: `${uv}:${process.env['PATH'] ?? ''}` };
  const checks = uvChecks({ database, blobs, upstream, cacheFolder: folder, env, index: `${web.url}/simple/` });
  const sdists = editSdistBuilds({ database, blobs, workflows, catalogue: plane.ports.catalogue, sdistPool: 'linux-amd64' });
  const acts = editActivities({ edits: records, checks, sdists, records: plane.records, signer, index });
  const logger = new DefaultLogger('ERROR');   // a refusal is an answer here, not a fault
  const deliverable = <O>(act: (order: O) => Promise<void>) => (order: O) => new MockActivityEnvironment({}, { logger }).run(act, order) as Promise<void>;
  const activities: EditActivities = {
    prepareEdit: deliverable(acts.prepareEdit), checkEdit: deliverable(acts.checkEdit), attestEdit: deliverable(acts.attestEdit), readyEdit: deliverable(acts.readyEdit), publishEdit: deliverable(acts.publishEdit), deliverEdit: deliverable(acts.deliverEdit), endEdit: deliverable(acts.endEdit),
  };
  let number = 0;

  /** A project of its own with one published wheel. */
  async function published(): Promise<string> {
    const name = `edited${(number += 1)}`;
    const wheel = makeWheel({ name, version: '1.0', requiresPython: '>=3.8', requires: ['six>=1'] });
    await index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files: await filesToPublish(web.blobs, [wheel]) });
    return name;
  }
  const request = (name: string, set: readonly string[] = ['Requires-Python: >=3.9']) =>
    ({ what: `${name}==1.0`, mode: 'respin', set: [...set], remove: [], bound: [] });
  async function started(name: string, set?: readonly string[], more: object = {}): Promise<EditView> {
    const asked = request(name, set);
    const { basis } = await edits.preview(asked);
    return edits.start({ ...asked, basis, why: 'a test', by: 'me', ...more });
  }
  const filenames = (name: string) => index.published(name, '1.0');
  async function bytesOf(sha256: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await served.stream(sha256)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
  async function deliver(editId: string): Promise<void> {
    await activities.prepareEdit({ editId });
    await activities.attestEdit({ editId });
    await activities.publishEdit({ editId });
  }

  return {
    plane, web, folder, env, edits, records, index, served, activities, signer, published, request, started, filenames, bytesOf, deliver,
    name: () => `edited${(number += 1)}`,
    async stop() {
      await web.stop();
      await plane.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
