/** A farm whose GitHub App is installed at a private repository, and that has no token of a person. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prismaBuilds } from '../../orchestrator/adapters/builds.ts';
import { prismaSources } from '../../orchestrator/adapters/builds-sources.ts';
import { gitRemote } from '../../orchestrator/adapters/git-remote.ts';
import { githubOf, githubParts, registeredCredentials, type GithubParts } from '../../orchestrator/adapters/github-parts.ts';
import { prismaWorkerDoor } from '../../orchestrator/adapters/prisma/worker-door.ts';
import { prismaTriggers } from '../../orchestrator/adapters/triggers.ts';
import type { TriggerView } from '../../orchestrator/contract/registrations.ts';
import type { GitSpec } from '../../orchestrator/contract/worker.ts';
import type { GitRemote, Triggers } from '../../orchestrator/github-ports.ts';
import type { Sources } from '../../orchestrator/ports.ts';
import { cloneCommand } from '../../workers/steps/clone.ts';
import { run } from '../support/clients-run.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { codeOf } from '../support/failures.ts';
import { delivery, offerProject, recorded, startGithub, tagPush, type FakeRepository, type GithubServer, type OfferedRepository } from '../support/github-server.ts';

let plane: ControlPlane;
let github: GithubServer;
let hub: GithubParts;
let remote: GitRemote & { close(): Promise<void> };
let sources: Sources;
let triggers: Triggers;
let folder: string;
let hidden: OfferedRepository;
const admin = { login: 'ann', admin: true, person: null };

beforeAll(async () => {
  [plane, github, folder] = await Promise.all([startControlPlane(), startGithub(), mkdtemp(join(tmpdir(), 'farm-app-'))]);
  const settings = { githubUrl: github.url, githubToken: null, keysFolder: join(folder, 'keys'), url: 'http://farm.example', pollMs: 1 };
  const client = githubOf(settings);
  remote = gitRemote(registeredCredentials({ database: plane.database, github: client }));
  const ports = { ...plane.ports, git: remote, githubUrl: github.url };
  hub = githubParts(settings, ports, Object.assign(plane.upstream, { provenance: async () => null }), client);
  sources = prismaSources(ports);
  triggers = prismaTriggers({ database: plane.database, workflows: plane.workflows, github: client, url: settings.url, sources, builds: prismaBuilds(ports) });
  await hub.github.adopt('a1b2');
  hidden = await repository('hidden', { private: true, installation: 501 });
}, 60_000);
afterAll(async () => {
  await hub?.close();
  await remote?.close();
  await plane?.stop();
  await github?.stop();
  await rm(folder, { recursive: true, force: true });
});

const repository = (name: string, changed: Partial<FakeRepository>): Promise<OfferedRepository> =>
  offerProject(github, name, { settings: 'requires-python = ">=3.11"\n', admin: false, ...changed });

const send = async (event: string, payload: unknown) => {
  const { payload: bytes, headers } = delivery(event, payload, await hub.github.webhookSecret());
  return hub.webhooks.take({ id: headers['x-github-delivery'] ?? '', event, signature: headers['x-hub-signature-256'] ?? '', bytes });
};
const announced = async (project: string): Promise<TriggerView | undefined> => (await hub.registrations.triggers({ limit: 1, project }))[0];

/** The worker's lease of a source, as the door gives it. */
async function leaseOf(sourceId: string): Promise<GitSpec | undefined> {
  const credentials = registeredCredentials({ database: plane.database, github: hub.github });
  const { spec } = await prismaWorkerDoor({ ...plane.ports, credentials }).lease({ kind: 'sdist', id: sourceId, target: '', delivery: 1, worker: 'w' });
  return spec.kind === 'sdist' ? spec.git : undefined;
}

describe('a repository at which the App is installed', () => {
  it('is hidden before it is registered, whoever asks to build it', async () => {
    expect(await codeOf(sources.addGit('acme/hidden'))).toBe('FARM_REPOSITORY_UNKNOWN');
  });

  it('is registered by the word of the installation alone, and says that it is private', async () => {
    const proposal = await hub.registrations.propose({ what: 'acme/hidden' }, admin);
    expect(proposal).toMatchObject({ project: 'hidden', repository: { private: true, admin: true, who: null }, tags: ['v0.9'], problems: [] });
    expect(proposal.report.map(({ says }) => says)).toContain('the repository is private');
    const eve = { login: 'eve', admin: false, person: 'eve' };
    expect(await codeOf(hub.registrations.propose({ what: 'acme/hidden' }, eve))).toBe('FARM_REPOSITORY_UNKNOWN');
    await repository('elsewhere', {});
    expect((await hub.registrations.propose({ what: 'acme/elsewhere' }, admin)).problems.map(({ code }) => code)).toEqual(['FARM_REPOSITORY_NOT_ADMIN']);
    expect(await hub.registrations.register({ what: 'acme/hidden', targets: [], by: 'ann' }, admin)).toMatchObject({ repository: { fullName: 'acme/hidden', state: 'active' } });
  });

  it('is noted when GitHub tells of the installation, and forgotten when it is taken away', async () => {
    const shape = recorded('installation_repositories').find((one) => one['action'] === 'added') ?? {};
    const installation = { ...shape['installation'] as object, id: 501 };
    const one = { id: hidden.fake.id, name: 'hidden', full_name: 'acme/hidden', private: true };
    const known = async (): Promise<bigint | null | undefined> => (await plane.database.prisma.repository.findFirst({ where: { fullName: 'acme/hidden' } }))?.installationId;
    expect(await send('installation_repositories', { ...shape, installation, repositories_added: [one] })).toMatchObject({ took: 'installation noted for 1 registered repositories' });
    expect(await known()).toBe(501n);
    const created = recorded('installation').find((each) => each['action'] === 'created') ?? {};
    await send('installation', { ...created, installation: { ...created['installation'] as object, id: 502 }, repositories: [one] });
    expect(await known()).toBe(502n);
    await send('installation', { ...created, action: 'deleted', installation: { ...created['installation'] as object, id: 502 }, repositories: [one] });
    expect(await known()).toBeNull();
  });

  it('is built from its tag: a worker gets a token for this repository and its files, and for nothing else', async () => {
    await hidden.git.git('tag', 'v1.0');
    await hidden.git.push();
    await send('push', tagPush(hidden.fake, 'v1.0', hidden.commit));
    const id = (await announced('hidden'))?.id ?? '';
    expect(await triggers.advance(id)).toBe('wait');
    const sourceId = (await announced('hidden'))?.parts[0]?.sourceId ?? '';
    const git = await leaseOf(sourceId);
    const token = Buffer.from(git?.authorization?.replace('Basic ', '') ?? '', 'base64').toString().replace('x-access-token:', '');
    expect(github.tokens.get(token)).toEqual({ installation: 501, repositories: ['hidden'], permissions: { contents: 'read' } });
    const rows = JSON.stringify([await plane.database.prisma.source.findMany(), await plane.database.prisma.lease.findMany(), await plane.database.prisma.attempt.findMany()], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    expect(rows).not.toContain(token);
    expect(cloneCommand(git!).argv.join(' ')).not.toContain(git!.authorization);
    await plane.database.prisma.source.update({ where: { id: sourceId }, data: { state: 'failed', failure: { code: 'FARM_CLONE_FAILED', message: 'a test', next: '', step: 'fetch', blame: 'world', retry: 'never' } } });
    expect(await triggers.advance(id)).toBe('ended');
    expect(github.checks.at(-1)).toMatchObject({ conclusion: 'failure', byApp: true });
  });

  it('lends its token to no public repository', async () => {
    const open = await repository('open', { installation: 501 });
    await hub.registrations.register({ what: 'acme/open', targets: [], by: 'ann' }, admin);
    const source = await sources.addGit(`${open.git.url}@v0.9`);
    expect(await leaseOf(source.id)).toMatchObject({ commit: open.commit });
    expect((await leaseOf(source.id))?.authorization).toBeUndefined();
  });

  it('asks for few tokens: one of an installation is good for an hour', () => {
    const whole = [...github.tokens.values()].filter(({ repositories }) => repositories === null);
    expect(whole.length).toBeLessThanOrEqual(3);
  });
});

describe('the clone of a private repository', () => {
  const script = join(import.meta.dirname, '../../workers/container/clone.py');
  const clone = async (name: string, order: object, authorization?: string): Promise<{ code: number | null; said: string; result: unknown }> => {
    const result = join(folder, `${name}.json`);
    const whole = { subdirectory: '', folder: join(folder, name, 'source'), out: join(folder, `${name}.tar`), work: folder, bytesMax: 1e8, submodulesMax: 5, result, ...order };
    const { code, output } = await run('python3', ['-B', script, JSON.stringify(whole)], { env: authorization ? { WHEELFARM_GIT_AUTHORIZATION: authorization } : {} });
    return { code, said: output, result: JSON.parse(await readFile(result, 'utf8').catch(() => '{}')) };
  };

  it('shows the token to its own address only, and leaves it nowhere', async () => {
    const other = await repository('other', { private: true, installation: 501 });
    await hidden.git.commit({ '.gitmodules': `[submodule "o"]\n\tpath = o\n\turl = ${other.git.url}\n` });
    await hidden.git.git('update-index', '--add', '--cacheinfo', `160000,${other.commit},o`);
    await hidden.git.git('commit', '--quiet', '-m', 'with a submodule');
    const withModule = await hidden.git.git('rev-parse', 'HEAD');
    await hidden.git.push();
    const token = await hub.github.readingToken('acme/hidden') ?? '';
    const authorization = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
    const cloned = await clone('with', { url: hidden.git.url, commit: hidden.commit }, authorization);
    expect(cloned, cloned.said).toMatchObject({ code: 0, result: { commit: hidden.commit } });
    const tar = await readFile(join(folder, 'with.tar'));
    for (const secret of [token, authorization.slice(6)]) {
      expect(cloned.said).not.toContain(secret);
      expect(tar.includes(secret)).toBe(false);
    }
    expect((await clone('without', { url: hidden.git.url, commit: hidden.commit })).said).not.toContain(token);
    const refused = await clone('nested', { url: hidden.git.url, commit: withModule }, authorization);
    expect(refused.code).not.toBe(0);
    expect(JSON.stringify(refused.result) + refused.said).toContain('FARM_REPOSITORY_UNKNOWN');
  });
});
