import tls from 'node:tls';
import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/rest';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { limits } from '../contract/limits.ts';
import { fail, FarmError } from '../domain/failure.ts';
import type { CheckRun, Github, GithubRepository } from '../github-ports.ts';
import type { GithubKeyFile, GithubKeys } from './github-keys.ts';
import { reasonOf } from './upstream-http.ts';

export interface GithubOptions {
  /** `https://github.com`, or the address of an Enterprise server. */
  readonly url: string;
  readonly keys: GithubKeyFile;
}

type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string | number | undefined>>; readonly data: unknown };
const perPage = 100;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Where an Enterprise server has its API. @source GitHub Enterprise Server REST documentation */
const apiOf = (url: string): string => (url === 'https://github.com' ? 'https://api.github.com' : `${url}/api/v3`);

/** Port Github over @octokit/rest. Each call takes the keys anew: an App that was just made works at once. */
export function octokitGithub({ url, keys }: GithubOptions): Github & { close(): Promise<void> } {
  const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
  const dispatcher = new EnvHttpProxyAgent({ connect: { ca }, requestTls: { ca }, headersTimeout: limits.upstreamMsMax, bodyTimeout: limits.upstreamMsMax });
  const request = {
    fetch: (address: string, init: object) => fetch(address, { ...init, dispatcher, signal: AbortSignal.timeout(limits.upstreamMsMax) }),
  };
  const common = { baseUrl: apiOf(url), userAgent: 'wheelfarm', log: silent, request };
  const plain = (token?: string): Octokit => new Octokit({ ...common, ...(token ? { auth: token } : {}) });

  /** Number of the App's installation at a repository; null where it is not installed. */
  async function installation(app: NonNullable<GithubKeys['app']>, fullName: string): Promise<number | null> {
    const asApp = new Octokit({ ...common, authStrategy: createAppAuth, auth: { appId: app.id, privateKey: app.privateKey } });
    const found = await asking(fullName, () => asApp.request('GET /repos/{owner}/{repo}/installation', named(fullName))).catch((error: unknown) => {
      if (error instanceof FarmError && error.failure.code === 'FARM_REPOSITORY_UNKNOWN') return null;
      throw error;
    });
    return found ? (found.data as { id: number }).id : null;
  }

  let known: { readonly id: number; readonly privateKey: string; readonly auth: ReturnType<typeof createAppAuth> } | undefined;
  /** The App's keys with the tokens that they made: an installation's is good for an hour, and is not made for every request. */
  function authOf({ id, privateKey }: NonNullable<GithubKeys['app']>): ReturnType<typeof createAppAuth> {
    if (known?.id !== id || known.privateKey !== privateKey) known = { id, privateKey, auth: createAppAuth({ appId: id, privateKey, request: plain().request }) };
    return known.auth;
  }

  /** The client for a repository: the App's installation there, else the farm's token, else nobody. */
  async function client(fullName?: string): Promise<Octokit> {
    const { app, token } = await keys.read();
    const installationId = app && fullName !== undefined ? await installation(app, fullName).catch(() => null) : null;
    if (!app || installationId === null) return plain(token);
    const { token: ofInstallation } = await authOf(app)({ type: 'installation', installationId });
    return plain(ofInstallation);
  }
  const ask = async (fullName: string, route: string, more: object = {}): Promise<Answer> =>
    asking(fullName, async () => (await client(fullName)).request(route, { ...named(fullName), ...more }) as Promise<Answer>);

  return {
    async repository(fullName, etag) {
      const { token } = await keys.read();
      // `permissions` are of the one who asks: the person whose token it is, not the App.
      const asker = token ? plain(token) : await client(fullName);
      const answer = await asking(fullName, () => asker.request('GET /repos/{owner}/{repo}', { ...named(fullName), headers: etag ? { 'if-none-match': etag } : {} }) as Promise<Answer>)
        .catch((error: unknown) => (isStatus(error, 304) ? null : Promise.reject(error)));
      return answer && repositoryOf(answer);
    },
    async tags(fullName) {
      const names: string[] = [];
      for (let page = 1; page <= limits.githubPagesMax; page += 1) {
        const { data } = await ask(fullName, 'GET /repos/{owner}/{repo}/tags', { per_page: perPage, page });
        const found = (data as { name: string }[]).map(({ name }) => name);
        names.push(...found);
        if (found.length < perPage) return { names, more: false };
      }
      return { names, more: true };
    },
    async releases(fullName) {
      const { data } = await ask(fullName, 'GET /repos/{owner}/{repo}/releases', { per_page: 20 });
      return (data as { tag_name: string; draft: boolean }[]).filter(({ draft }) => !draft).map(({ tag_name: tag }) => tag);
    },
    async file(fullName, path, ref) {
      const answer = await ask(fullName, 'GET /repos/{owner}/{repo}/contents/{+path}', { path, ref }).catch((error: unknown) => {
        if (error instanceof FarmError && error.failure.code === 'FARM_REPOSITORY_UNKNOWN') return null;
        throw error;
      });
      const { type, encoding, content, size } = (answer?.data ?? {}) as { type?: string; encoding?: string; content?: string; size?: number };
      if (type !== 'file' || encoding !== 'base64' || typeof content !== 'string' || (size ?? 0) > limits.jsonBodyBytesMax) return null;
      return Buffer.from(content, 'base64').toString('utf8');
    },
    async installed(fullName) {
      const { app } = await keys.read();
      return app !== undefined && await installation(app, fullName) !== null;
    },
    async readingToken(fullName) {
      const { app, token } = await keys.read();
      const installationId = app ? await installation(app, fullName) : null;
      if (!app || installationId === null) return token ?? null;
      const made = await asking(fullName, () => authOf(app)({ type: 'installation', installationId, repositoryNames: [named(fullName).repo], permissions: { contents: 'read' } }));
      return made.token;
    },
    async viewer() {
      const { token } = await keys.read();
      if (!token) return fail('FARM_GITHUB_TOKEN', 'plan', { why: 'the farm has no token of a person' });
      const { data } = await asking('GitHub', () => plain(token).request('GET /user') as Promise<Answer>);
      return (data as { login: string }).login;
    },
    async permission(fullName, login) {
      const answer = await ask(fullName, 'GET /repos/{owner}/{repo}/collaborators/{username}/permission', { username: login })
        .catch((error: unknown) => (error instanceof FarmError && error.failure.code === 'FARM_REPOSITORY_UNKNOWN' ? null : Promise.reject(error)));
      return answer ? (answer.data as { permission: string }).permission : 'none';
    },
    check: (run) => putCheck(ask, run),
    async comment(fullName, issue, body) {
      await ask(fullName, 'POST /repos/{owner}/{repo}/issues/{issue_number}/comments', { issue_number: issue, body: body.slice(0, limits.githubTextMax) });
    },
    async adopt(code) {
      const { data } = await asking('GitHub', () => plain().request('POST /app-manifests/{code}/conversions', { code }) as Promise<Answer>);
      const made = data as { id: number; slug: string; pem: string; client_id: string; client_secret: string; webhook_secret: string | null; html_url: string };
      await keys.write({
        app: { id: made.id, slug: made.slug, privateKey: made.pem, clientId: made.client_id, clientSecret: made.client_secret },
        ...(made.webhook_secret ? { webhookSecret: made.webhook_secret } : {}),
      });
      return { slug: made.slug, page: `${made.html_url}/installations/new` };
    },
    async takeToken(token) {
      const { data } = await asking('GitHub', () => plain(token).request('GET /user') as Promise<Answer>);
      await keys.write({ token });
      return (data as { login: string }).login;
    },
    webhookSecret: async () => (await keys.read()).webhookSecret,
    close: () => dispatcher.close(),
  };
}

const named = (fullName: string): { owner: string; repo: string } => {
  const [owner = '', repo = ''] = fullName.split('/');
  return { owner, repo };
};
const isStatus = (error: unknown, status: number): boolean => (error as { status?: number } | null)?.status === status;

/** GitHub's refusals as failures of the farm; 304 is passed on. Words of GitHub, never headers: those hold the token. */
async function asking<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FarmError || isStatus(error, 304)) throw error;
    const { status = 0, message = '', response } = error as { status?: number; message?: string; response?: { headers?: Record<string, string> } };
    const headers = response?.headers ?? {};
    if (status === 401) return fail('FARM_GITHUB_TOKEN', 'plan', { why: message.slice(0, 200) });
    const waits = headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0' || /rate limit/i.test(message);
    if (status === 429 || (status === 403 && waits)) return fail('FARM_REPOSITORY_LIMIT', 'plan', { repository: what, why: waitWords(headers) });
    if ([403, 404, 410, 422, 451].includes(status)) return fail('FARM_REPOSITORY_UNKNOWN', 'plan', { repository: what });
    return fail('FARM_REPOSITORY_UNREACHABLE', 'plan', { repository: what, why: status > 0 && status !== 500 ? `status ${status}` : reasonOf(error).slice(0, 200) });
  }
}

function waitWords(headers: Readonly<Record<string, string>>): string {
  if (headers['retry-after']) return `for ${headers['retry-after']} seconds`;
  const reset = Number(headers['x-ratelimit-reset']);
  return Number.isFinite(reset) && reset > 0 ? `until ${new Date(reset * 1000).toISOString().slice(0, 19)}Z` : 'its limit is used up';
}

function repositoryOf({ data, headers }: Answer): GithubRepository {
  const found = data as {
    id: number; full_name: string; default_branch: string; private: boolean; archived?: boolean;
    parent?: { full_name: string }; permissions?: { admin?: boolean };
  };
  return {
    id: found.id, fullName: found.full_name, defaultBranch: found.default_branch, private: found.private, archived: found.archived ?? false,
    parent: found.parent?.full_name ?? null, admin: found.permissions?.admin === true, etag: headers['etag'] === undefined ? null : String(headers['etag']),
  };
}

/** One check run for a commit: the first call makes it, later ones move it. */
async function putCheck(ask: (fullName: string, route: string, more?: object) => Promise<Answer>, run: CheckRun): Promise<void> {
  const { fullName, commit, name, state, title, url } = run;
  const body = {
    name, details_url: url, output: { title: title.slice(0, 255), summary: run.summary.slice(0, limits.githubTextMax) },
    ...(state === 'in_progress' ? { status: state } : { status: 'completed', conclusion: state }),
  };
  const { data } = await ask(fullName, 'GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ref: commit, check_name: name });
  const known = (data as { check_runs: { id: number }[] }).check_runs[0];
  if (known) await ask(fullName, 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', { check_run_id: known.id, ...body });
  else await ask(fullName, 'POST /repos/{owner}/{repo}/check-runs', { head_sha: commit, ...body });
}
