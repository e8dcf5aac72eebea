/** A GitHub for tests: its REST paths and its recorded payloads, in front of real git repositories. */
import { createHmac, generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { startGitServer, type GitRepository, type GitServer } from './git-server.ts';

type Json = Record<string, unknown>;

/** GitHub's own recorded deliveries, by event. */
export const recorded = (event: string): Json[] => {
  const file = createRequire(import.meta.url).resolve('@octokit/webhooks-examples/api.github.com/index.json');
  const all = JSON.parse(readFileSync(file, 'utf8')) as { name: string; examples: Json[] }[];
  return all.find(({ name }) => name === event)?.examples ?? [];
};

export interface FakeRepository {
  readonly id: number;
  fullName: string;
  admin: boolean;
  readonly files: Record<string, string>;
  readonly tags: string[];
  readonly permissions: Record<string, string>;
  /** Hidden from everybody without a token that reads it. */
  private?: boolean;
  /** Number of the App's installation there. */
  installation?: number;
}

/** A token of an installation of the App. */
export interface InstallationToken { readonly installation: number; readonly repositories: readonly string[] | null; readonly permissions: Readonly<Record<string, string>> | null }

export interface GithubServer extends GitServer {
  readonly repositories: FakeRepository[];
  /** Former names, which answer 301. */
  readonly moved: Map<string, number>;
  readonly checks: Json[];
  /** Tokens that the App asked for. */
  readonly tokens: Map<string, InstallationToken>;
  readonly comments: string[];
  /** Answers every REST request with this instead, as when GitHub is down or limits. */
  outage: { readonly status: number; readonly headers?: Record<string, string> } | null;
  /** Who is at the browser when the farm sends it here to sign in. */
  signsIn: { readonly login: string; readonly id: number };
  /** Requests that were answered 304. */
  unchanged: number;
}

export const personToken = 'ghp_test_token_of_a_person';
/** The OAuth client that farms of tests use. */
export const clientOfTests = { id: 'client-of-the-test', secret: 'secret-of-the-test' };

/** Starts it. */
export async function startGithub(): Promise<GithubServer> {
  const git = await startGitServer();
  const self = Object.assign(git, {
    repositories: [] as FakeRepository[], moved: new Map<string, number>(), checks: [] as Json[], tokens: new Map<string, InstallationToken>(), comments: [] as string[], outage: null as GithubServer['outage'], unchanged: 0, signsIn: { login: 'ann', id: 7 } as GithubServer['signsIn'],
  });
  self.shows = (fullName, authorization) => {
    const repository = self.repositories.find((one) => one.fullName === fullName);
    const token = /^x-access-token:(.+)$/.exec(Buffer.from(/^Basic (.+)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString())?.[1];
    return repository?.private !== true || reads(self, repository, token);
  };
  self.also = async (request, response) => {
    if (request.url?.startsWith('/login/oauth/')) return signIn(self, request, response);
    if (!request.url?.startsWith('/api/v3/')) return false;
    await answer(self, request, response);
    return true;
  };
  return self;
}

/** A project's repository on the server. */
export interface OfferedRepository { readonly fake: FakeRepository; readonly git: GitRepository; readonly commit: string }

let offered = 1000;
/**
 * A repository `acme/NAME` with a project in it, at one commit that has the tag v0.9.
 * @shape settings: what pyproject.toml says below name and version; changed: what GitHub says otherwise
 */
export async function offerProject(
  server: GithubServer, name: string, { settings = '', ...changed }: Partial<FakeRepository> & { readonly settings?: string } = {},
): Promise<OfferedRepository> {
  const pyproject = `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "${name}"\nversion = "1.0"\n${settings}`;
  const fake: FakeRepository = { id: (offered += 1), fullName: `acme/${name}`, admin: true, files: { 'pyproject.toml': pyproject }, tags: ['v0.9'], permissions: {}, ...changed };
  server.repositories.push(fake);
  const git = await server.repository(fake.fullName);
  const commit = await git.commit({ 'pyproject.toml': pyproject });
  await git.git('tag', 'v0.9');
  await git.push();
  return { fake, git, commit };
}

/** Whether a token reads a repository: the person's, or one of the App's installation there that is not for others only. */
function reads({ tokens }: GithubServer, repository: FakeRepository, token: string | undefined): boolean {
  const made = tokens.get(token ?? '');
  return token === personToken || (made !== undefined && made.installation === repository.installation
    && (made.repositories?.includes(repository.fullName.split('/')[1] ?? '') ?? true) && (made.permissions === null || 'contents' in made.permissions));
}

const app = { id: 42, slug: 'wheelfarm-test', ...generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } }) };

/** Whether a request is signed by the App: RS256 over head and body of a JSON web token that names it. */
function isApp(authorization: string | undefined): boolean {
  const [, head = '', body = '', signature = ''] = /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization ?? '') ?? [];
  if (!signature) return false;
  const { iss, exp } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { iss: number | string; exp: number };
  return Number(iss) === app.id && exp * 1000 > Date.now() && verify('RSA-SHA256', Buffer.from(`${head}.${body}`), app.publicKey, Buffer.from(signature, 'base64url'));
}

/** What GitHub answers the App itself: where it is installed, and a token of an installation. False where it is asked something else. */
function answerApp(self: GithubServer, path: string, { body, authorization, say }: { readonly body: string; readonly authorization: string | undefined; readonly say: Answering['say'] }): boolean {
  const asked = /^\/repos\/([^/]+\/[^/]+)\/installation$/.exec(path)?.[1];
  const number = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path)?.[1];
  if (asked === undefined && number === undefined) return false;
  if (!isApp(authorization)) {
    say(401, { message: 'A JSON web token could not be decoded' });
  } else if (number !== undefined) {
    const { repositories = null, permissions = null } = JSON.parse(body || '{}') as { repositories?: string[]; permissions?: Record<string, string> };
    const token = `ghs_installation_token_${self.tokens.size + 1}`;
    self.tokens.set(token, { installation: Number(number), repositories, permissions });
    say(201, { token, expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: permissions ?? { contents: 'read', checks: 'write' }, repository_selection: repositories ? 'selected' : 'all' });
  } else {
    const id = self.repositories.find(({ fullName }) => fullName === asked)?.installation;
    if (id === undefined) say(404, { message: 'Not Found' });
    else say(200, { id, app_id: app.id, app_slug: app.slug });
  }
  return true;
}

/** GitHub's two steps of OAuth: a redirect with a code, and the code for a token that names the person. */
async function signIn({ signsIn }: GithubServer, request: IncomingMessage, response: ServerResponse): Promise<true> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://github');
  if (pathname === '/login/oauth/authorize') {
    const back = new URL(searchParams.get('redirect_uri') ?? '');
    back.search = new URLSearchParams({ code: `${signsIn.login}-${signsIn.id}`, state: searchParams.get('state') ?? '' }).toString();
    response.writeHead(302, { location: back.href }).end();
    return true;
  }
  const { code, client_secret: secret } = JSON.parse(await bodyOf(request)) as { code: string; client_secret: string };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(secret === clientOfTests.secret ? { access_token: `oauth-${code}` } : { error: 'incorrect_client_credentials' }));
  return true;
}

async function answer(self: GithubServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const say = (status: number, json: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(status === 304 ? undefined : JSON.stringify(json));
  };
  if (self.outage) return say(self.outage.status, { message: 'API rate limit exceeded for installation' }, self.outage.headers);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://github');
  const path = decodeURIComponent(pathname.slice('/api/v3'.length));
  const known = request.headers.authorization?.endsWith(personToken) ?? false;
  const [, person, number] = /^Bearer oauth-(\w+)-(\d+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (path === '/user' && person) return say(200, { login: person, id: Number(number) });
  if (path === '/user') return known ? say(200, { login: 'ann', id: 7 }) : say(401, { message: 'Requires authentication' });
  if (path.startsWith('/app-manifests/')) {
    return say(201, { id: app.id, slug: app.slug, pem: app.privateKey, client_id: 'Iv1', client_secret: 's', webhook_secret: 'from-the-manifest', html_url: `${self.url}/apps/wheelfarm-test` });
  }
  if (answerApp(self, path, { body, authorization: request.headers.authorization, say })) return;
  const byId = /^\/repositories\/(\d+)$/.exec(path)?.[1];
  const [, fullName = '', rest = ''] = /^\/repos\/([^/]+\/[^/]+)(.*)$/.exec(path) ?? [];
  const now = self.moved.get(fullName);
  if (now !== undefined) return say(301, { message: 'Moved Permanently' }, { location: `${self.url}/api/v3/repositories/${now}` });
  const repository = self.repositories.find((one) => (byId ? one.id === Number(byId) : one.fullName === fullName));
  const token = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (!repository || (repository.private && !reads(self, repository, token))) return say(404, { message: 'Not Found', documentation_url: 'https://docs.github.com/rest' });
  if (rest === '') return sayRepository(self, repository, { request, say, known });
  if (rest === '/tags') {
    const page = Number(searchParams.get('page') ?? 1);
    return say(200, repository.tags.slice((page - 1) * 100, page * 100).map((name) => ({ name, commit: { sha: 'a'.repeat(40) } })));
  }
  if (rest === '/releases') return say(200, [{ tag_name: repository.tags[0] ?? 'v0', draft: false, prerelease: false }]);
  if (rest.startsWith('/contents/')) {
    const text = repository.files[rest.slice('/contents/'.length)];
    return text === undefined ? say(404, { message: 'Not Found' })
      : say(200, { type: 'file', encoding: 'base64', size: text.length, content: Buffer.from(text).toString('base64').replace(/(.{60})/g, '$1\n') });
  }
  const login = /^\/collaborators\/([^/]+)\/permission$/.exec(rest)?.[1];
  if (login) return say(200, { permission: repository.permissions[login] ?? 'none' });
  if (rest.endsWith('/check-runs') && request.method === 'GET') return say(200, { check_runs: self.checks.map((_, at) => ({ id: at + 1 })).slice(0, 1) });
  if (rest.startsWith('/check-runs')) {
    self.checks.push({ ...JSON.parse(body) as Json, method: request.method, byApp: self.tokens.has(token ?? '') });
    return say(request.method === 'POST' ? 201 : 200, { id: 1 });
  }
  if (/^\/issues\/\d+\/comments$/.test(rest)) {
    self.comments.push((JSON.parse(body) as { body: string }).body);
    return say(201, { id: 1 });
  }
  return say(404, { message: 'Not Found' });
}

type Answering = { readonly request: IncomingMessage; readonly say: (status: number, json: unknown, headers?: Record<string, string>) => void; readonly known: boolean };

/** The shape of a recorded repository, with what the test says of it. */
function sayRepository(self: GithubServer, { id, fullName, admin, tags, private: hidden = false }: FakeRepository, { request, say, known }: Answering): void {
  const etag = `W/"${id}-${fullName}-${tags.length}"`;
  if (request.headers['if-none-match'] === etag) {
    self.unchanged += 1;
    return say(304, null, { etag });
  }
  const shape = recorded('release')[0]?.['repository'] as Json;
  return say(200, {
    ...shape, id, full_name: fullName, name: fullName.split('/')[1], default_branch: 'main', private: hidden, archived: false,
    ...(known ? { permissions: { admin, push: admin, pull: true } } : {}),
  }, { etag });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** A recorded push of a tag, made one of this repository's. */
export function tagPush(repository: Pick<FakeRepository, 'id' | 'fullName'>, tag: string, commit: string): Json {
  const push = structuredClone(recorded('push').find((one) => one['ref'] === 'refs/tags/simple-tag' && one['created'] === true) ?? {});
  return {
    ...push, ref: `refs/tags/${tag}`, after: commit, head_commit: { ...push['head_commit'] as Json, id: commit },
    repository: { ...push['repository'] as Json, id: repository.id, full_name: repository.fullName },
  };
}

/** What GitHub sends: bytes and headers, signed. */
export function delivery(event: string, payload: unknown, secret: string, id: string = randomUUID()): { payload: Buffer; headers: Record<string, string> } {
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return {
    payload: bytes,
    headers: {
      'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(bytes).digest('hex')}`,
    },
  };
}
