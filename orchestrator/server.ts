/** Composition root of the control plane's HTTP side: API, worker door, index and pages in one process. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { prismaAccounts } from './adapters/accounts.ts';
import { folderBlobs } from './adapters/blobs-fs.ts';
import { composedBlobs } from './adapters/blobs-composed.ts';
import { startSweeper } from './adapters/builds-sweeper.ts';
import { prismaBuilds, type BuildPorts } from './adapters/builds.ts';
import { prismaSources } from './adapters/builds-sources.ts';
import { fileCatalogue } from './adapters/catalogue-file.ts';
import { dashboardFiles } from './adapters/dashboard-files.ts';
import { prismaEdits } from './adapters/edits.ts';
import { prismaHistories } from './adapters/history.ts';
import { prismaRebuilds } from './adapters/rebuilds.ts';
import { prismaImports } from './adapters/imports.ts';
import { imageMaker } from './adapters/image-maker.ts';
import { githubOf, githubParts, registeredCredentials } from './adapters/github-parts.ts';
import { githubSignIn } from './adapters/github-sign-in.ts';
import { startHooks } from './adapters/hooks.ts';
import { gitRemote } from './adapters/git-remote.ts';
import { indexPostgres } from './adapters/index-postgres.ts';
import { indexStatements } from './adapters/index-statements.ts';
import { indexYanks } from './adapters/index-yank.ts';
import { liveOf } from './adapters/live.ts';
import { pageCache } from './adapters/page-cache.ts';
import { pagesOf } from './adapters/pages/pages.ts';
import { prismaAttempts, prismaTallies } from './adapters/prisma/attempts.ts';
import { openChanges } from './adapters/prisma/changes.ts';
import { openDatabase } from './adapters/prisma/database.ts';
import { prismaEditRecords } from './adapters/prisma/edit-records.ts';
import { prismaImportRecords } from './adapters/prisma/import-records.ts';
import { prismaRecords } from './adapters/prisma/records.ts';
import { prismaWorkerDoor } from './adapters/prisma/worker-door.ts';
import { judgeStaged } from './adapters/resolver/check-edit.ts';
import { localSigner } from './adapters/sigstore/local-signer.ts';
import { openLocalAuthority } from './adapters/sigstore/local.ts';
import { publicRoot } from './adapters/sigstore/public-root.ts';
import { pgLogStore } from './adapters/sigstore/log-store-pg.ts';
import { temporalWorkflows } from './adapters/temporal-client.ts';
import { upstreamAddress } from './adapters/upstream-address.ts';
import { upstreamHttp } from './adapters/upstream-http.ts';
import { lateUpstream } from './adapters/upstream-late.ts';
import { upstreamIndex } from './adapters/upstream.ts';
import { makeApp } from './api/app.ts';
import { accountRoutes } from './api/routes/accounts.ts';
import { badgeRoutes } from './api/routes/badges.ts';
import { dashboardRoutes } from './api/routes/dashboard.ts';
import { editRoutes } from './api/routes/edits.ts';
import { historyRoutes } from './api/routes/history.ts';
import { rebuildRoutes } from './api/routes/rebuilds.ts';
import { importRoutes } from './api/routes/imports.ts';
import { imageRoutes } from './api/routes/images.ts';
import { registrationRoutes } from './api/routes/registrations.ts';
import { registerIndexRoutes } from './api/routes/index-routes.ts';
import { openLocalSession, sessionRoutes, type SessionParts } from './api/routes/session.ts';
import { dashboardDigest, dashboardFolder } from '../infra/setup/dashboard.ts';
import { fail } from './domain/failure.ts';
import { isLocalOnly, isLoopback, readConfig } from './config.ts';

const config = readConfig(process.env);
const clock = { now: () => new Date() };
const say = (message: unknown): void => console.error(message instanceof Error ? message.stack : message);
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

const database = openDatabase(config.databaseUrl);
const { pool } = database;
const changes = openChanges(database);
const blobs = folderBlobs(config.blobsFolder, pool);
const catalogue = fileCatalogue({ imagesFolder: config.imagesFolder, cacheFolder: config.cacheFolder, blobs, pool });
const images = imageMaker({ cacheFolder: config.cacheFolder, clock, environment: config.makingEnvironment, say });
const authority = await openLocalAuthority({ folder: config.keysFolder, farmId: config.farmId, now: clock.now });
const signer = localSigner({ authority, log: pgLogStore(pool) });
const upstream = lateUpstream(async () => {
  const address = await upstreamAddress({ setting: config.upstream, home: config.home, own: config.url, env: process.env });
  return upstreamIndex({ http: await upstreamHttp(address), pool, blobs, clock, folder: join(config.blobsFolder, 'downloads') });
});
const pages = pageCache({ databaseUrl: config.databaseUrl, folder: join(config.home, 'pages'), planeId: randomUUID(), log: say });
const workflows = temporalWorkflows(config.temporalAddress, config.sdistPool);
const github = githubOf(config);
const credentials = registeredCredentials({ database, github });
const git = gitRemote(credentials);
const ports: BuildPorts = {
  database, changes, blobs, workflows, catalogue, images, clock, resolve: { blobs, upstream, sdists: new Map() },
  records: prismaRecords({ database, changes, blobs }),
  builder: `wheelfarm ${version}`, recipes: join(config.home, 'recipes'), index: `${config.url}/simple/`, git, githubUrl: config.githubUrl,
};
const builds = prismaBuilds(ports);
const hub = githubParts(config, ports, upstream, github);
const edits = prismaEdits({
  database, blobs, workflows, upstream, clock, records: prismaEditRecords({ database, blobs }),
  builder: ports.builder, index: ports.index, builds: { catalogue, sdistPool: config.sdistPool },
}, (staged, bytes) => judgeStaged({
  database, blobs, upstream, cacheFolder: config.cacheFolder, env: process.env, index: ports.index,
}, staged, bytes));
const imports = prismaImports({
  database, workflows, upstream, clock, builder: ports.builder, index: ports.index,
  records: prismaImportRecords({ database, blobs, upstream, trustedRoot: publicRoot(config.home, clock.now) }),
});

const accounts = prismaAccounts(database);
const sessions: SessionParts = {
  accounts, url: config.url, cookie: `farm_${config.farmId}`, local: isLocalOnly(config),
  ...(config.githubClient ? { signIn: githubSignIn({ url: config.githubUrl, clientId: config.githubClient.id, clientSecret: config.githubClient.secret }) } : {}),
};
if (!sessions.local && !await accounts.hasAdmin()) fail('FARM_NO_ADMIN', 'plan');
const digest = dashboardDigest(join(import.meta.dirname, '..'));
const pageDoor = pagesOf({ database, blobs, catalogue, names: { identity: signer.identity, issuer: signer.issuer, index: ports.index } });
const app = await makeApp({
  guard: {
    apiToken: config.apiToken, workerToken: config.workerToken, accounts, cookie: sessions.cookie, origin: new URL(config.url).origin,
    hosts: isLoopback(config.listen) ? [new URL(config.url).hostname] : null,
  },
  facts: {
    farmId: config.farmId, version, url: config.url, startedAt: clock.now(), clock,
    trustFingerprint: async () => (await signer.trustConfig()).fingerprint,
  },
  builds, attempts: prismaAttempts(ports), sources: prismaSources(ports), tallies: prismaTallies(database),
  door: prismaWorkerDoor({ ...ports, credentials }), onFault: say, live: liveOf(ports),
  pages: pageDoor,
  more: [
    (server) => imageRoutes(server, { images }),
    (server) => registrationRoutes(server, { ...hub, accounts }), (server) => editRoutes(server, { edits }),
    (server) => importRoutes(server, { imports }), (server) => rebuildRoutes(server, { rebuilds: prismaRebuilds(ports, builds) }),
    (server) => accountRoutes(server, { accounts }),
    (server) => sessionRoutes(server, sessions),
    (server) => historyRoutes(server, { yanks: indexYanks({ pool, clock, origin: () => config.url }), histories: prismaHistories(database) }),
    (server) => registerIndexRoutes(server, {
    pages, upstream, signer, blobs: composedBlobs(blobs, pool),
    statements: indexStatements(pool, { identity: signer.identity, issuer: signer.issuer }),
  }), (server) => dashboardRoutes(server, {
    files: dashboardFiles(dashboardFolder(config.cacheFolder, digest)), digest, base: `${new URL(config.url).pathname.replace(/\/+$/, '')}/`,
    opened: (request, reply) => openLocalSession(sessions, request, reply),
  }), (server) => badgeRoutes(server, { pages: pageDoor, url: config.url })],
});
await pages.start();
// Pages hold absolute links: another port or address writes them again.
await indexPostgres({ pool, clock, origin: () => config.url }).refresh().catch(say);
const stopSweeper = startSweeper(ports, say, [() => edits.sweep(), () => imports.sweep()]);
const stopHooks = startHooks(database, config.url, say);
const stopWatching = hub.watch(say);
await app.listen({ host: config.listen, port: config.port });
console.log(`ready: ${config.url}`);
flushCompileCache();   // now, as a process that is killed writes nothing

let closing = false;
async function close(): Promise<void> {
  if (closing) return;
  closing = true;
  stopSweeper();
  stopWatching();
  images.stop();
  await stopHooks();
  await app.close();
  await pages.stop();
  await workflows.close();
  await git.close();
  await hub.close();
  await changes.close();
  await database.close();
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void close().catch(say));
