/** A git server over smart HTTP for tests: git's own `http-backend` behind node, and repositories made with git. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ask, engineOf } from '../../infra/setup/docker-socket.ts';

const command = promisify(execFile);

export interface GitServer {
  /** Base of all repositories, where containers reach it too. */
  readonly url: string;
  /** Addresses that were asked for, newest last. */
  readonly asked: string[];
  /** Repositories that answer a redirect to another name. */
  readonly renamed: Map<string, string>;
  /** Whether a repository is shown for an Authorization header; where not, it asks for one as GitHub does. */
  shows: (fullName: string, authorization: string | undefined) => boolean;
  /** Answers what git does not: returns true where it has. */
  also: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** A new empty repository `owner/name` with one working folder. */
  repository(fullName: string): Promise<GitRepository>;
  stop(): Promise<void>;
}

export interface GitRepository {
  readonly folder: string;
  readonly url: string;
  /** git in the working folder. */
  git(...words: readonly string[]): Promise<string>;
  /** Writes files, commits them, and answers the commit. */
  commit(files: Readonly<Record<string, string | Buffer>>, message?: string): Promise<string>;
  /** Publishes branches and tags, also moved ones. */
  push(): Promise<void>;
}

const identity = {
  GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@example.org', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@example.org',
  GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1',
};

/** Starts it on every address of this machine: containers of a bridge do not reach 127.0.0.1. */
export async function startGitServer(): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'farm-git-'));
  const self: Omit<GitServer, 'url' | 'repository' | 'stop'> = { asked: [], renamed: new Map(), shows: () => true, also: async () => false };
  const server = createServer((request, response) => void answer(request, response).catch((error: Error) => {
    response.writeHead(500).end(error.message);
  }));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    self.asked.push(`${request.method} ${request.url}`);
    if (await self.also(request, response)) return;
    const { pathname, search } = new URL(request.url ?? '/', 'http://git');
    for (const [from, to] of self.renamed) {
      if (!pathname.startsWith(`/${from}.git/`)) continue;
      response.writeHead(301, { location: `/${to}.git/${pathname.slice(from.length + 6)}${search}` }).end();
      return;
    }
    const fullName = /^\/([^/]+\/[^/]+?)(?:\.git)?\//.exec(pathname)?.[1] ?? '';
    if (!self.shows(fullName, request.headers.authorization)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end('Repository not found.');
      return;
    }
    backend(root, request, response);
  }
  await new Promise<void>((done) => { server.listen(0, '0.0.0.0', done); });
  const host = await bridgeAddress();
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  return Object.assign(self, {
    url,
    repository: (fullName: string) => makeRepository(root, fullName, url),
    stop: () => new Promise<void>((done) => {
      server.close(() => {
        rmSync(root, { recursive: true, force: true });
        done();
      });
      server.closeAllConnections();
    }),
  });
}

/** This machine as containers of Docker's bridge see it. */
async function bridgeAddress(): Promise<string> {
  const answer = await ask(engineOf(process.env), 'GET', '/networks/bridge', 5_000).catch(() => null);
  const gateway = /"Gateway":"([\d.]+)"/.exec(answer?.body ?? '')?.[1];
  return gateway ?? '127.0.0.1';
}

/** One request through git's CGI program. @source git-http-backend(1) */
function backend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://git');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'], ...identity, GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: pathname,
      QUERY_STRING: search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '', GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  let head = Buffer.alloc(0);
  let started = false;
  child.stdout.on('data', (bytes: Buffer) => {
    if (started) return void response.write(bytes);
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = head.toString('latin1', 0, end).split('\r\n').map((line) => line.split(/: (.*)/s) as [string, string]);
    const status = Number(lines.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(lines.filter(([name]) => name !== 'Status')));
    started = true;
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => (started ? response.end() : response.writeHead(404).end()));
}

async function makeRepository(root: string, fullName: string, base: string): Promise<GitRepository> {
  const bare = join(root, `${fullName}.git`);
  mkdirSync(dirname(bare), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'farm-work-'));
  let seconds = 1_700_000_000;
  const run = async (where: string, words: readonly string[]): Promise<string> => {
    seconds += 60;
    const date = `${seconds} +0000`;
    const { stdout } = await command('git', ['-C', where, '-c', 'protocol.file.allow=always', ...words], {
      env: { ...process.env, ...identity, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }, maxBuffer: 64e6,
    });
    return stdout.trim();
  };
  await run(root, ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  for (const name of ['uploadpack.allowFilter', 'uploadpack.allowReachableSHA1InWant']) await run(bare, ['config', name, 'true']);
  await run(folder, ['init', '--quiet', '--initial-branch=main']);
  await run(folder, ['remote', 'add', 'origin', bare]);
  return {
    folder, url: `${base}/${fullName}`,
    git: (...words) => run(folder, words),
    async commit(files, message = 'Change') {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), content);
      }
      await run(folder, ['add', '--all']);
      await run(folder, ['commit', '--quiet', '--allow-empty', '-m', message]);
      return run(folder, ['rev-parse', 'HEAD']);
    },
    async push() {
      await run(folder, ['push', '--quiet', '--force', 'origin', '--all']);
      await run(folder, ['push', '--quiet', '--force', 'origin', '--tags']);
    },
  };
}
