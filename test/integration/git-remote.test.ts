import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../orchestrator/contract/limits.ts';
import { gitRemote } from '../../orchestrator/adapters/git-remote.ts';
import type { FarmError } from '../../orchestrator/domain/failure.ts';
import { codeOf } from '../support/failures.ts';
import { startGitServer, type GitRepository, type GitServer } from '../support/git-server.ts';

let server: GitServer;
let repository: GitRepository;
let commits: { first: string; second: string };
const remote = gitRemote();

beforeAll(async () => {
  server = await startGitServer();
  repository = await server.repository('acme/thing');
  const first = await repository.commit({ 'a.txt': 'a' });
  await repository.git('tag', 'v1.0');
  const second = await repository.commit({ 'b.txt': 'b' });
  await repository.git('tag', '-a', 'v1.1', '-m', 'annotated');
  await repository.git('branch', 'v1.0-fixes', first);
  await repository.push();
  commits = { first, second };
});
afterAll(async () => {
  await remote.close();
  await server.stop();
});

describe('asking a git server', () => {
  it('finds tags, branches, the default branch and commits', async () => {
    const { url } = repository;
    expect(await remote.locate({ url, ref: 'v1.0' })).toEqual({ url, ref: 'refs/tags/v1.0', commit: commits.first });
    expect(await remote.locate({ url, ref: 'v1.1' })).toEqual({ url, ref: 'refs/tags/v1.1', commit: commits.second });
    expect(await remote.locate({ url, ref: 'v1.0-fixes' })).toEqual({ url, ref: 'refs/heads/v1.0-fixes', commit: commits.first });
    expect(await remote.locate({ url, ref: null })).toEqual({ url, ref: 'refs/heads/main', commit: commits.second });
    expect(await remote.locate({ url, ref: commits.first })).toEqual({ url, ref: null, commit: commits.first });
    expect(await remote.tags(url)).toEqual(new Map([['v1.0', commits.first], ['v1.1', commits.second]]));
  });

  it('follows a renamed repository and says its new address', async () => {
    server.renamed.set('acme/old', 'acme/thing');
    expect(await remote.locate({ url: `${server.url}/acme/old`, ref: 'v1.0' })).toMatchObject({ url: repository.url, commit: commits.first });
    server.renamed.set('acme/loop', 'acme/loop');
    expect(await codeOf(remote.locate({ url: `${server.url}/acme/loop`, ref: 'v1.0' }))).toBe('FARM_REPOSITORY_UNREACHABLE');
  });

  it('says what is not there', async () => {
    expect(await codeOf(remote.locate({ url: `${server.url}/acme/none`, ref: null }))).toBe('FARM_REPOSITORY_UNKNOWN');
    expect(await codeOf(remote.locate({ url: repository.url, ref: 'v9' }))).toBe('FARM_REF_UNKNOWN');
    expect(await codeOf(remote.locate({ url: 'http://127.0.0.1:1/a/b', ref: null }))).toBe('FARM_REPOSITORY_UNREACHABLE');
  });

  it('tells a server that is down, that limits, and that speaks something else', async () => {
    let [status, body] = [500, 'broken'];
    const odd = createServer((_, response) => response.writeHead(status, { 'retry-after': '30' }).end(body));
    await new Promise<void>((done) => { odd.listen(0, '127.0.0.1', done); });
    const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}/a/b`;
    const asked = (): Promise<string> => codeOf(remote.locate({ url, ref: null }));
    expect(await asked()).toBe('FARM_REPOSITORY_UNREACHABLE');
    status = 429;
    expect(await asked()).toBe('FARM_REPOSITORY_LIMIT');
    [status, body] = [200, '<html>hello</html>'];
    expect(await asked()).toBe('FARM_REPOSITORY_UNREACHABLE');
    odd.close();
  });

  it('speaks the old protocol too', async () => {
    const refs = [`${'a'.repeat(40)} HEAD\0multi_ack symref=HEAD:refs/heads/trunk`, `${'a'.repeat(40)} refs/heads/trunk`, `${'b'.repeat(40)} refs/tags/v1`, `${'c'.repeat(40)} refs/tags/v1^{}`];
    const line = (text: string): string => `${(text.length + 5).toString(16).padStart(4, '0')}${text}\n`;
    const old = createServer((_, response) => response.end(`${line('# service=git-upload-pack')}0000${refs.map(line).join('')}0000`));
    await new Promise<void>((done) => { old.listen(0, '127.0.0.1', done); });
    const url = `http://127.0.0.1:${(old.address() as AddressInfo).port}/a/b`;
    expect(await remote.locate({ url, ref: null })).toEqual({ url, ref: 'refs/heads/trunk', commit: 'a'.repeat(40) });
    expect(await remote.locate({ url, ref: 'v1' })).toEqual({ url, ref: 'refs/tags/v1', commit: 'c'.repeat(40) });
    old.close();
  });

  it('reads a million tags, and says where it stops reading', { timeout: 120_000 }, async () => {
    let count = 1_000_000;
    const line = (text: string): string => `${(text.length + 5).toString(16).padStart(4, '0')}${text}\n`;
    const many = createServer((_, response) => {
      const lines = function* (): Generator<string> {
        yield `${line('# service=git-upload-pack')}0000`;
        for (let at = 0; at < count; at += 10_000) yield Array.from({ length: 10_000 }, (_one, n) => line(`${'a'.repeat(40)} refs/tags/v0.${at + n}`)).join('');
        yield '0000';
      };
      Readable.from(lines()).on('error', () => undefined).pipe(response);
    });
    await new Promise<void>((done) => { many.listen(0, '127.0.0.1', done); });
    const url = `http://127.0.0.1:${(many.address() as AddressInfo).port}/a/b`;
    const tags = await remote.tags(url);
    expect([tags.size, tags.get('v0.999999')]).toEqual([1_000_000, 'a'.repeat(40)]);
    count = 1_200_000;
    const refused = await remote.tags(url).then(() => null, (error: unknown) => error as FarmError);
    expect(refused?.failure).toMatchObject({ code: 'FARM_REPOSITORY_UNREACHABLE', message: expect.stringContaining(`longer than ${limits.gitRefsBytesMax} bytes`) as string });
    many.closeAllConnections();
    many.close();
  });
});
