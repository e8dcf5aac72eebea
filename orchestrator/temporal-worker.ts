/** Composition root of the orchestrator: the workflows of releases, edits and imports and the control activities. */
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { controlActivities } from './activities/control.ts';
import { editActivities } from './activities/edits.ts';
import { importActivities } from './activities/imports.ts';
import { triggerActivities } from './activities/triggers.ts';
import { folderBlobs } from './adapters/blobs-fs.ts';
import { prismaBuilds, type BuildPorts } from './adapters/builds.ts';
import { prismaSources } from './adapters/builds-sources.ts';
import { fileCatalogue } from './adapters/catalogue-file.ts';
import { editSdistBuilds } from './adapters/edits-sdist-build.ts';
import { wheelDescriber } from './adapters/describer.ts';
import { gitRemote } from './adapters/git-remote.ts';
import { githubOf, registeredCredentials } from './adapters/github-parts.ts';
import { indexPostgres } from './adapters/index-postgres.ts';
import { openChanges } from './adapters/prisma/changes.ts';
import { openDatabase } from './adapters/prisma/database.ts';
import { prismaEditRecords } from './adapters/prisma/edit-records.ts';
import { prismaImportRecords } from './adapters/prisma/import-records.ts';
import { prismaLateEdits } from './adapters/prisma/late-edits.ts';
import { prismaRecords } from './adapters/prisma/records.ts';
import { uvChecks } from './adapters/resolver/check-edit.ts';
import { localSigner } from './adapters/sigstore/local-signer.ts';
import { openLocalAuthority } from './adapters/sigstore/local.ts';
import { pgLogStore } from './adapters/sigstore/log-store-pg.ts';
import { publicRoot } from './adapters/sigstore/public-root.ts';
import { temporalWorkflows } from './adapters/temporal-client.ts';
import { prismaTriggers } from './adapters/triggers.ts';
import { upstreamAddress } from './adapters/upstream-address.ts';
import { upstreamHttp } from './adapters/upstream-http.ts';
import { lateUpstream } from './adapters/upstream-late.ts';
import { upstreamIndex } from './adapters/upstream.ts';
import { workflowBundle } from './adapters/workflow-bundle.ts';
import { readConfig } from './config.ts';
import { controlQueue } from './contract/messages.ts';

const config = readConfig(process.env);
const now = (): Date => new Date();

Runtime.install({ logger: new DefaultLogger('WARN') });
const database = openDatabase(config.databaseUrl);
const changes = openChanges(database);
const blobs = folderBlobs(config.blobsFolder, database.pool);
const catalogue = fileCatalogue({
  imagesFolder: config.imagesFolder, cacheFolder: config.cacheFolder, blobs, pool: database.pool,
});
const authority = await openLocalAuthority({ folder: config.keysFolder, farmId: config.farmId, now });
const connection = await NativeConnection.connect({ address: config.temporalAddress });

const shared = {
  records: prismaRecords({ database, changes, blobs }),
  signer: localSigner({ authority, log: pgLogStore(database.pool) }),
  index: indexPostgres({ pool: database.pool, clock: { now }, origin: () => config.url }),
};
const upstream = lateUpstream(async () => {
  const address = await upstreamAddress({ setting: config.upstream, home: config.home, own: config.url, env: process.env });
  return upstreamIndex({
    http: await upstreamHttp(address), pool: database.pool, blobs, clock: { now }, folder: join(config.blobsFolder, 'downloads'),
  });
});

const github = githubOf(config);
const git = gitRemote(registeredCredentials({ database, github }));
const workflows = temporalWorkflows(config.temporalAddress, config.sdistPool);
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const builds: BuildPorts = {
  database, changes, blobs, workflows, catalogue, clock: { now }, resolve: { blobs, upstream, sdists: new Map() }, records: shared.records,
  builder: `wheelfarm ${version}`, recipes: join(config.home, 'recipes'), index: `${config.url}/simple/`, git, githubUrl: config.githubUrl,
};
const triggers = prismaTriggers({ database, workflows, github, url: config.url, sources: prismaSources(builds), builds: prismaBuilds(builds) });

const worker = await Worker.create({
  connection,
  taskQueue: controlQueue,
  workflowBundle: await workflowBundle(import.meta.dirname, config.cacheFolder),
  activities: {
    ...controlActivities({
      ...shared, lateEdits: prismaLateEdits({ database, blobs }), describer: wheelDescriber({ blobs, catalogue, folder: join(config.blobsFolder, 'describing') }),
    }),
    ...triggerActivities({ triggers }),
    ...editActivities({
      ...shared, edits: prismaEditRecords({ database, blobs }),
      sdists: editSdistBuilds({ database, blobs, workflows, catalogue, sdistPool: config.sdistPool }),
      checks: uvChecks({ database, blobs, upstream, cacheFolder: config.cacheFolder, env: process.env, index: `${config.url}/simple/` }),
    }),
    ...importActivities({
      ...shared, imports: prismaImportRecords({ database, blobs, upstream, trustedRoot: publicRoot(config.home, now) }),
    }),
  },
  // Describing is hashing and deflating on few cores; many more at once would only hold more memory. An activity that
  // finds no place is written to Temporal's database and read from it again.
  maxConcurrentActivityTaskExecutions: 16,
  maxCachedWorkflows: 20,
  workflowThreadPoolSize: 1,
  shutdownGraceTime: '5s',
});
console.log('ready: orchestrator');
flushCompileCache();   // now, as a process that is killed writes nothing
// Prisma compiles itself at its first query: the first cell does not wait for it.
database.prisma.build.findFirst({ select: { id: true } }).catch(() => undefined);
await worker.run();
await Promise.all([workflows.close(), git.close(), github.close()]);
await connection.close();
await changes.close();
await database.close();
