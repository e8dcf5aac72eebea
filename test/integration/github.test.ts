import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prismaBuilds } from '../../orchestrator/adapters/builds.ts';
import { prismaSources } from '../../orchestrator/adapters/builds-sources.ts';
import { gitRemote } from '../../orchestrator/adapters/git-remote.ts';
import { githubParts, type GithubParts } from '../../orchestrator/adapters/github-parts.ts';
import { pollDue, type PollPorts } from '../../orchestrator/adapters/poller.ts';
import { prismaTriggers } from '../../orchestrator/adapters/triggers.ts';
import { makeApp } from '../../orchestrator/api/app.ts';
import { registrationRoutes } from '../../orchestrator/api/routes/registrations.ts';
import type { AlertView, Proposal, RegistrationView, TriggerView } from '../../orchestrator/contract/registrations.ts';
import type { Problem } from '../../orchestrator/contract/api.ts';
import type { Triggers } from '../../orchestrator/github-ports.ts';
import { apiToken, startControlPlane, workerToken, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist } from '../support/distributions.ts';
import {
  delivery, offerProject, personToken, recorded, startGithub, tagPush, type FakeRepository, type GithubServer, type OfferedRepository,
} from '../support/github-server.ts';
import { sha256Of } from '../support/index-plane.ts';

let plane: ControlPlane;
let github: GithubServer;
let hub: GithubParts;
let app: Awaited<ReturnType<typeof makeApp>>;
let triggers: Triggers;
let polling: PollPorts;
let folder: string;
let secret: string;
const remote = gitRemote();
const headers = { authorization: `Bearer ${apiToken}` };

beforeAll(async () => {
  [plane, github, folder] = await Promise.all([startControlPlane(), startGithub(), mkdtemp(join(tmpdir(), 'farm-hub-'))]);
  const ports = { ...plane.ports, git: remote, githubUrl: github.url };
  const upstream = Object.assign(plane.upstream, { provenance: async () => null });
  hub = githubParts({ githubUrl: github.url, githubToken: null, keysFolder: join(folder, 'keys'), url: 'http://farm.example', pollMs: 1 }, ports, upstream);
  triggers = prismaTriggers({ database: plane.database, workflows: plane.workflows, github: hub.github, url: 'http://farm.example', sources: prismaSources(ports), builds: prismaBuilds(ports) });
  polling = { database: plane.database, github: hub.github, git: remote, upstream, workflows: plane.workflows, clock: { now: () => new Date() }, githubUrl: github.url, pollMs: 1 };
  app = await makeApp({
    guard: { apiToken, workerToken, hosts: null },
    facts: { farmId: 'test', version: '0', url: 'http://farm.example', startedAt: new Date(), clock: plane.ports.clock, trustFingerprint: async () => 'f00' },
    builds: plane.builds, sources: plane.sources, door: plane.door, attempts: undefined as never, tallies: undefined as never, pages: undefined as never, live: undefined as never,
    more: [(server) => registrationRoutes(server, hub)],
  });
  expect((await app.inject({ method: 'POST', url: '/api/github/token', payload: { token: personToken }, headers })).statusCode).toBe(200);
  secret = await hub.github.webhookSecret();
}, 60_000);
afterAll(async () => {
  await app?.close();
  await hub?.close();
  await remote.close();
  await plane?.stop();
  await github?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => { github.outage = null; });

/** A repository on the server with a project in it. */
const repository = (name: string, changed: Partial<FakeRepository> = {}): Promise<OfferedRepository> =>
  offerProject(github, name, { settings: 'requires-python = ">=3.12"\n[tool.cibuildwheel]\nskip = "*musllinux*"\n', ...changed });
const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload, headers });
const register = (what: string, more: object = {}) => post('/api/registrations', { what, targets: [], by: 'ann', ...more });
const send = (event: string, payload: unknown, id?: string, key = secret) => app.inject({ method: 'POST', url: '/hooks/github', ...delivery(event, payload, key, id) });
const announced = async (project: string): Promise<TriggerView[]> => (await app.inject({ url: `/api/triggers?project=${project}` })).json();
const codeOf = (answer: { json: <T>() => T }): string => answer.json<Problem>().code;

/** The worker's side of a source: its sdist is made. */
async function made(sourceId: string, name: string, version: string, commit: string): Promise<void> {
  const grant = await plane.door.lease({ kind: 'sdist', id: sourceId, target: '', delivery: 1, worker: 'w' });
  const lease = await plane.door.open(grant.leaseId, grant.secret);
  const sdist = await makeSdist({ name, version });
  const sha256 = sha256Of(sdist.bytes);
  await plane.door.output(lease, sha256, (async function* () { yield sdist.bytes; })());
  await plane.door.outcome(lease, {
    kind: 'sdist', state: 'succeeded', sdist: { sha256, filename: sdist.filename, bytes: sdist.bytes.length }, git: { commit, commitTime: 1_700_000_000, submodules: [] },
  });
}

describe('registering', () => {
  it('proposes targets, says who holds the name and what could be better; writes nothing', async () => {
    await repository('fresh');
    const proposal = (await post('/api/registrations/proposal', { what: 'acme/fresh' })).json<Proposal>();
    expect(proposal).toMatchObject({ project: 'fresh', repository: { fullName: 'acme/fresh', admin: true, who: 'ann' }, tags: ['v0.9'], name: { state: 'free' }, problems: [] });
    expect(Object.fromEntries(proposal.targets.map(({ target, proposed }) => [target, proposed]))).toEqual({
      'cp311-manylinux_x86_64': false, 'cp311-manylinux_aarch64': false, 'cp313-manylinux_x86_64': true, 'cp313-musllinux_x86_64': false,
    });
    expect(proposal.report.map(({ says }) => says)).toContain('[tool.cibuildwheel] is read');
    expect((await app.inject({ url: '/api/registrations' })).json()).toEqual([]);
  });

  it('keeps the registration, and its repository answers for the name', async () => {
    const answer = await register('acme/fresh');
    expect(answer.statusCode, answer.body).toBe(201);
    expect(answer.json<RegistrationView>()).toMatchObject({ project: 'fresh', repository: { fullName: 'acme/fresh', state: 'active' }, proof: { kind: 'free', by: 'ann' } });
  });

  it('refuses a fork whose name is held elsewhere, and one who may not administer the repository', async () => {
    plane.upstream.offer('held', await makeSdist({ name: 'held', version: '1.0' }));
    await repository('held');
    const refused = await register('acme/held');
    expect([refused.statusCode, codeOf(refused)]).toEqual([403, 'FARM_NAME_HELD']);
    expect(refused.json<Problem>().detail).toMatch(/^The name held is held by .+; acme\/held cannot register it\.$/);
    const approved = await register('acme/held', { approval: { why: 'the owner asked for it' } });
    expect(approved.json<RegistrationView>().proof).toMatchObject({ kind: 'approval', evidence: 'the owner asked for it', by: 'ann' });
    await repository('locked', { admin: false });
    expect(codeOf(await register('acme/locked'))).toBe('FARM_REPOSITORY_NOT_ADMIN');
  });

  it('says what is wrong with a repository', async () => {
    expect(codeOf(await register('acme/none'))).toBe('FARM_REPOSITORY_UNKNOWN');
    expect(codeOf(await register('https://elsewhere.example/a/b'))).toBe('FARM_REPOSITORY_ADDRESS');
    await repository('empty', { files: {} });
    expect(codeOf(await register('acme/empty', { project: 'empty' }))).toBe('FARM_REPOSITORY_NO_PROJECT');
    await repository('broken', { files: { 'pyproject.toml': '[project\n' } });
    expect(codeOf(await register('acme/broken'))).toBe('FARM_PYPROJECT_BROKEN');
    github.outage = { status: 503 };
    expect(codeOf(await register('acme/fresh'))).toBe('FARM_REPOSITORY_UNREACHABLE');
    github.outage = { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1800000000' } };
    const limited = await register('acme/fresh');
    expect([codeOf(limited), limited.json<Problem>().detail]).toEqual(['FARM_REPOSITORY_LIMIT', 'acme/fresh asks to wait: until 2027-01-15T08:00:00Z.']);
  });

  it('takes an address of this server with its protocol, and refuses a name that is no name', async () => {
    expect((await post('/api/registrations/proposal', { what: `${github.url}/acme/fresh.git` })).json<Proposal>().project).toBe('fresh');
    expect((await register('acme/fresh', { project: '../../x' })).statusCode).toBe(400);
  });

  it('reads the tags of a repository with very many in pages, with a limit', async () => {
    await repository('many', { tags: Array.from({ length: 5_000 }, (_, n) => `v0.${n}`) });
    const proposal = (await post('/api/registrations/proposal', { what: 'acme/many' })).json<Proposal>();
    expect(proposal.tags.length).toBe(20);
    expect(proposal.report.map(({ says }) => says)).toContain('only the first 2000 tags were read');
  });

  it('keeps token and secret from everybody else', async () => {
    const file = join(folder, 'keys', 'github.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain(personToken);
    const shown = await app.inject({ url: '/api/github' });
    expect(shown.body).not.toContain(personToken);
    expect(shown.body).not.toContain(secret);
    expect((await app.inject({ method: 'POST', url: '/api/github/webhook', payload: {} })).statusCode).toBe(401);
  });
});

describe('one who signed in with GitHub', () => {
  const ann = { login: 'zoe', admin: false, person: 'zoe' };
  it('registers what that person may administer, and nothing else', async () => {
    const { fake } = await repository('persons');
    const order = { what: 'acme/persons', targets: [], by: 'zoe' };
    await expect(hub.registrations.register(order, ann)).rejects.toMatchObject({ failure: { code: 'FARM_REPOSITORY_NOT_ADMIN' } });
    fake.permissions['zoe'] = 'write';
    await expect(hub.registrations.register(order, ann)).rejects.toMatchObject({ failure: { code: 'FARM_REPOSITORY_NOT_ADMIN' } });
    fake.permissions['zoe'] = 'admin';
    await expect(hub.registrations.register({ ...order, approval: { why: 'it is mine' } }, ann)).rejects.toMatchObject({ failure: { code: 'FARM_FORBIDDEN' } });
    expect(await hub.registrations.register(order, ann)).toMatchObject({ project: 'persons', proof: { kind: 'free' } });
    await expect(hub.registrations.register({ what: 'held', targets: [], by: 'zoe' }, ann)).rejects.toMatchObject({ failure: { code: 'FARM_FORBIDDEN' } });
  });
});

describe('a pushed tag', () => {
  it('is on the page within 2 seconds, becomes a build, and its end is told to GitHub', async () => {
    const { fake, git } = await repository('pushed');
    await register('acme/pushed');
    const commit = await git.commit({ 'a.py': '' });
    await git.git('tag', 'v1.0');
    await git.push();
    const began = performance.now();
    const answer = await send('push', tagPush(fake, 'v1.0', commit));
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ took: 'tag', releases: ['pushed==1.0'], pages: ['http://farm.example/projects/pushed'] });
    const [trigger] = await announced('pushed');
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(trigger).toMatchObject({ cause: 'webhook', ref: 'v1.0', commit, state: 'received' });
    expect(plane.workflows.triggers).toContain(trigger?.id);
    const id = trigger?.id ?? '';
    expect(await triggers.advance(id)).toBe('wait');
    expect(await triggers.advance(id)).toBe('wait');
    const [making] = await announced('pushed');
    expect(making).toMatchObject({ state: 'making', parts: [{ project: 'pushed', version: '1.0', buildId: null }] });
    await made(making?.parts[0]?.sourceId ?? '', 'pushed', '1.0', commit);
    await triggers.advance(id);
    const [building] = await announced('pushed');
    expect(building).toMatchObject({ state: 'building', parts: [{ failure: null }] });
    const view = await plane.builds.view(building?.parts[0]?.buildId ?? '');
    expect(view).toMatchObject({ project: 'pushed', version: '1.0', git: { url: `${github.url}/acme/pushed`, ref: 'refs/tags/v1.0', commit } });
    expect(github.checks.at(-1)).toMatchObject({ status: 'in_progress', head_sha: commit });
    await plane.records.endBuild(view.id, 'succeeded');
    expect(await triggers.advance(id)).toBe('ended');
    expect(github.checks.at(-1)).toMatchObject({ conclusion: 'success', status: 'completed' });
    expect(JSON.stringify(github.checks.at(-1)?.['output'])).toContain('| platform | targets |');
  });

  it('is one release however often, in whatever order and by whatever event it is said', async () => {
    const { fake, git } = await repository('again');
    await register('acme/again');
    const commit = await git.commit({ 'a.py': '' });
    await git.git('tag', 'v2.0');
    await git.push();
    const push = tagPush(fake, 'v2.0', commit);
    const shape = structuredClone(recorded('release').find((one) => one['action'] === 'published') ?? {});
    const release = { ...shape, release: { ...shape['release'] as object, tag_name: 'v2.0' }, repository: { ...shape['repository'] as object, id: fake.id, full_name: fake.fullName } };
    const answers = [await send('push', push, 'one'), await send('push', push, 'one'), await send('release', release), await send('push', push, 'two')];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202, 202]);
    expect(answers[1]?.json()).toEqual(answers[0]?.json());
    await pollDue(polling);
    expect((await announced('again')).length).toBe(1);
    expect((await send('push', { ...push, ref: 'refs/tags/v3.0' }, 'one')).statusCode).toBe(400);
  });

  it('that says another version than the project fails with both', async () => {
    const { fake, git } = await repository('wrong');
    await register('acme/wrong');
    const commit = await git.commit({ 'a.py': '' });
    await git.git('tag', 'v7.0');
    await git.push();
    await send('push', tagPush(fake, 'v7.0', commit));
    const [trigger] = await announced('wrong');
    await triggers.advance(trigger?.id ?? '');
    await made((await announced('wrong'))[0]?.parts[0]?.sourceId ?? '', 'wrong', '1.0', commit);
    expect(await triggers.advance(trigger?.id ?? '')).toBe('ended');
    expect((await announced('wrong'))[0]).toMatchObject({ state: 'failed', parts: [{ failure: { code: 'FARM_TAG_VERSION' } }] });
  });

  it('that moved after its release builds nothing and raises an alert with both commits', async () => {
    const { fake, git } = await repository('moving');
    await register('acme/moving');
    const before = await git.commit({ 'a.py': '' });
    await git.git('tag', 'v1.0');
    await git.push();
    await send('push', tagPush(fake, 'v1.0', before));
    const id = (await announced('moving'))[0]?.id ?? '';
    await triggers.advance(id);
    const sourceId = (await announced('moving'))[0]?.parts[0]?.sourceId ?? '';
    await made(sourceId, 'moving', '1.0', before);
    const { sdistSha256, sdistFilename } = await plane.database.prisma.source.findUniqueOrThrow({ where: { id: sourceId } });
    await plane.database.prisma.file.create({ data: { filename: sdistFilename ?? '', sha256: sdistSha256 ?? '', bytes: 1n, project: 'moving', version: '1.0', kind: 'sdist', uploadTime: new Date(), serial: 1n } });
    const after = await git.commit({ 'b.py': '' });
    await git.git('tag', '-f', 'v1.0');
    await git.push();
    await send('push', tagPush(fake, 'v1.0', after));
    const [moved] = await announced('moving');
    expect(await triggers.advance(moved?.id ?? '')).toBe('ended');
    expect((await announced('moving'))[0]).toMatchObject({ state: 'failed', parts: [{ failure: { code: 'FARM_TAG_MOVED' } }] });
    const alerts = (await app.inject({ url: '/api/alerts' })).json<AlertView[]>();
    expect(alerts.map(({ failure: { message } }) => message).join()).toMatch(new RegExp(`${before} was released, ${after} is there now`));
  });
});

describe('webhooks of strangers', () => {
  it('are refused by their bytes: forged, changed, without a signature, too large', async () => {
    const fake = github.repositories[0]!;
    const push = tagPush(fake, 'v9.0', 'a'.repeat(40));
    expect(codeOf(await send('push', push, undefined, 'another secret'))).toBe('FARM_WEBHOOK_SIGNATURE');
    const signed = delivery('push', push, secret);
    const changed = await app.inject({ method: 'POST', url: '/hooks/github', headers: signed.headers, payload: Buffer.from(`${signed.payload.toString()} `) });
    expect(changed.statusCode).toBe(401);
    const { 'x-hub-signature-256': _, ...unsigned } = signed.headers;
    expect((await app.inject({ method: 'POST', url: '/hooks/github', headers: unsigned, payload: signed.payload })).statusCode).toBe(401);
    const large = await send('push', { ...push, padding: 'x'.repeat(5 * 1024 * 1024) });
    expect(large.statusCode).toBe(413);
    expect((await send('push', 'not json')).statusCode).toBe(400);
    expect((await announced(fake.fullName.split('/')[1]!)).filter(({ ref }) => ref === 'v9.0')).toEqual([]);
  });

  it('change nothing for repositories that nobody registered, and answer every recorded delivery', async () => {
    const before = await plane.database.prisma.trigger.count();
    for (const event of ['push', 'release', 'create', 'installation', 'installation_repositories', 'repository', 'issue_comment', 'ping']) {
      for (const payload of recorded(event)) expect((await send(event, payload)).statusCode, event).toBe(202);
    }
    expect(await plane.database.prisma.trigger.count()).toBe(before);
  });

  it('let a comment rebuild only for those who may', async () => {
    const fake = github.repositories.find(({ fullName }) => fullName === 'acme/pushed')!;
    Object.assign(fake.permissions, { ann: 'admin', eve: 'read' });
    const shape = structuredClone(recorded('issue_comment').find((one) => one['action'] === 'created') ?? {});
    const comment = (login: string, association: string): object => ({
      ...shape, repository: { ...shape['repository'] as object, id: fake.id, full_name: fake.fullName },
      comment: { ...shape['comment'] as object, body: '/wheels rebuild cp313-*', author_association: association, user: { login } },
    });
    const before = (await announced('pushed')).length;
    for (const [login, association] of [['eve', 'MEMBER'], ['ann', 'NONE'], ['eve', 'CONTRIBUTOR']] as const) {
      expect((await send('issue_comment', comment(login, association))).json()).toMatchObject({ took: `${login} may not ask for a rebuild` });
    }
    expect((await announced('pushed')).length).toBe(before);
    expect((await send('issue_comment', comment('ann', 'OWNER'))).json()).toMatchObject({ took: 'command' });
    const [trigger] = await announced('pushed');
    expect(trigger).toMatchObject({ cause: 'comment', ref: 'v1.0' });
    expect(github.comments.at(-1)).toContain('cp313');
  });
});

describe('with webhooks off', () => {
  it('a new tag is found by asking, and asking again costs nothing', async () => {
    const { fake, git } = await repository('polled');
    await register('acme/polled');
    await pollDue(polling);
    expect(await announced('polled')).toEqual([]);
    await git.commit({ 'a.py': '' });
    await git.git('tag', 'v1.0');
    await git.push();
    fake.tags.push('v1.0');
    await polled('polled');
    expect(await announced('polled')).toMatchObject([{ cause: 'poll', ref: 'v1.0', state: 'received' }]);
    const before = github.unchanged;
    await polled('polled');
    expect(github.unchanged).toBeGreaterThan(before);
    expect((await announced('polled')).length).toBe(1);
  });

  it('a repository that was renamed is followed and recorded; one that vanished is shown', async () => {
    const fake = github.repositories.find(({ fullName }) => fullName === 'acme/polled')!;
    github.moved.set('acme/polled', fake.id);
    fake.fullName = 'acme/renamed';
    github.renamed.set('acme/renamed', 'acme/polled');
    await polled('polled');
    const view = (await app.inject({ url: '/api/registrations/polled' })).json<RegistrationView>();
    expect(view.repository).toMatchObject({ fullName: 'acme/renamed', state: 'active', formerUrls: [`${github.url}/acme/polled`] });
    github.repositories.splice(github.repositories.indexOf(fake), 1);
    await polled('polled');
    expect((await app.inject({ url: '/api/registrations/polled' })).json<RegistrationView>().repository).toMatchObject({ state: 'vanished', failure: { code: 'FARM_REPOSITORY_UNKNOWN' } });
  });

  it('a server that is down is shown and asked again', async () => {
    const { git } = await repository('outage');
    await register('acme/outage');
    await git.commit({ 'a.py': '' });
    await git.git('tag', 'v1.0');
    await git.push();
    github.outage = { status: 502 };
    await polled('outage');
    expect((await app.inject({ url: '/api/registrations/outage' })).json<RegistrationView>().repository?.failure).toMatchObject({ code: 'FARM_REPOSITORY_UNREACHABLE' });
    github.outage = null;
    await polled('outage');
    expect(await announced('outage')).toMatchObject([{ cause: 'poll', ref: 'v1.0' }]);
  });

  it('a new version of a watched name on the index is built', async () => {
    plane.upstream.offer('watched', await makeSdist({ name: 'watched', version: '1.0' }));
    expect((await register('watched')).json<RegistrationView>()).toMatchObject({ project: 'watched', repository: null, proof: { kind: 'watched' } });
    plane.upstream.offer('watched', await makeSdist({ name: 'watched', version: '1.1' }));
    await plane.database.prisma.registration.update({ where: { project: 'watched' }, data: { nextPollAt: new Date(0) } });
    await pollDue(polling);
    const [trigger] = await announced('watched');
    expect(trigger).toMatchObject({ cause: 'poll', ref: '1.1' });
    await triggers.advance(trigger?.id ?? '');
    await triggers.advance(trigger?.id ?? '');
    const buildId = (await announced('watched'))[0]?.parts[0]?.buildId ?? '';
    expect(await plane.builds.view(buildId)).toMatchObject({ project: 'watched', version: '1.1' });
  });

  async function polled(project: string): Promise<void> {
    await plane.database.prisma.repository.updateMany({ where: { registrations: { some: { project } } }, data: { nextPollAt: new Date(0) } });
    await pollDue(polling);
  }
});

describe('the App of the farm', () => {
  it('is made by two presses: the manifest goes to this GitHub, and its keys come back without a person', async () => {
    const asked = await post('/api/github/app', { organization: 'acme' });
    const { page } = asked.json<{ page: string }>();
    const path = page.slice('http://farm.example'.length);
    const shown = await app.inject({ url: path });
    expect(shown.headers['content-security-policy']).toContain(`form-action ${github.url}`);
    const action = /action="([^"]+)"/.exec(shown.body)?.[1]?.replaceAll('&#38;', '&') ?? '';
    expect(action.startsWith(`${github.url}/organizations/acme/settings/apps/new?state=`)).toBe(true);
    const manifest = JSON.parse((/name="manifest" value="([^"]+)"/.exec(shown.body)?.[1] ?? '').replaceAll('&#34;', '"')) as Record<string, unknown>;
    expect(manifest).toMatchObject({ url: 'http://farm.example', redirect_url: 'http://farm.example/github/app', public: false, hook_attributes: { url: 'http://farm.example/hooks/github' }, default_permissions: { contents: 'read', checks: 'write' } });
    const state = new URL(action).searchParams.get('state') ?? '';
    expect((await app.inject({ url: `/github/app?code=a1b2&state=${encodeURIComponent(`${state}x`)}` })).statusCode).toBe(400);
    const back = await app.inject({ url: `/github/app?code=a1b2&state=${encodeURIComponent(state)}` });
    expect(back.statusCode, back.body).toBe(200);
    expect(back.body).toContain(`${github.url}/apps/wheelfarm-test/installations/new`);
    expect((await app.inject({ url: '/api/github' })).json()).toMatchObject({ app: 'wheelfarm-test' });
    expect(await hub.github.webhookSecret()).toBe('from-the-manifest');
    // The state was signed with the secret that the App replaced: the link works once.
    expect((await app.inject({ url: `/github/app?code=a1b2&state=${encodeURIComponent(state)}` })).statusCode).toBe(400);
    const words = [shown.body, back.body, (await app.inject({ url: '/api/github' })).body].join('');
    for (const kept of ['from-the-manifest', 'PRIVATE KEY', secret]) expect(words).not.toContain(kept);
  });

  it('is asked for by an admin only', async () => {
    expect((await app.inject({ method: 'POST', url: '/api/github/app', payload: {} })).statusCode).toBe(401);
    expect((await app.inject({ url: '/github/app/new?state=1.x' })).statusCode).toBe(400);
  });
});
