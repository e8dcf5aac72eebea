/** The proxy against an upstream that misbehaves on demand. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeWheel } from '../support/distributions.ts';
import { filesToPublish, sha256Of, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';
import { startPostgres } from '../support/postgres.ts';

const json = { accept: 'application/vnd.pypi.simple.v1+json' };
const wheel = makeWheel({ name: 'foreign', version: '2.0', requiresPython: '>=3.8', content: 'x'.repeat(50) });
const big = Buffer.alloc(600_000, 'wheel');
const bigName = 'foreign-3.0-py3-none-any.whl';
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let plane: IndexPlane;
let upstream: Server;
let base: string;
/** Requests that upstream has seen, and what it does with the next. */
let seen: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  postgres = await startPostgres();
  upstream = createServer((request, response) => {
    seen.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
  base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/simple/`;
});

afterAll(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  await postgres?.stop();
});

beforeEach(async () => {
  await plane?.stop();
  seen = [];
  answer = serve;
  plane = await startIndexPlane({ databaseUrl: postgres.url, upstream: base });
  await plane.pool.query('truncate upstream_page, upstream_file, blob');
  return async () => {
    await plane.stop();
    plane = undefined as unknown as IndexPlane;
  };
});

const page = JSON.stringify({
  meta: { 'api-version': '1.0' }, name: 'foreign', files: [
    {
      filename: wheel.filename, url: `../../f/${wheel.filename}`, hashes: { sha256: sha256Of(wheel.bytes) }, size: wheel.bytes.length,
      'requires-python': '>=3.8', yanked: 'bad & <old>', 'upload-time': '2024-01-02T03:04:05.000006Z',
      'core-metadata': { sha256: sha256Of(wheel.metadata) },
    },
    { filename: bigName, url: `../../f/${bigName}`, hashes: { sha256: sha256Of(big) } },
    { filename: 'foreign-2.0-py3.11.egg', url: '../../f/egg', hashes: { sha256: '1'.repeat(64) } },
    { filename: 'foreign-0.1.tar.gz', url: '../../f/unhashed.tar.gz', hashes: { md5: '00' } },
  ],
});

function serve(request: IncomingMessage, response: ServerResponse): void {
  const bodies: Record<string, [string, Buffer | string]> = {
    '/simple/foreign/': ['application/vnd.pypi.simple.v1+json', page],
    [`/f/${wheel.filename}`]: ['application/zip', wheel.bytes],
    [`/f/${wheel.filename}.metadata`]: ['text/plain', wheel.metadata],
    [`/f/${bigName}`]: ['application/zip', big],
  };
  const found = bodies[request.url ?? ''];
  if (!found) response.writeHead(404).end();
  else if (request.headers['if-none-match'] === '"one"') response.writeHead(304, { etag: '"one"' }).end();
  else response.writeHead(200, { 'content-type': found[0], 'content-length': Buffer.byteLength(found[1]), etag: '"one"' }).end(found[1]);
}

interface Listed { filename: string; url: string; hashes: { sha256: string }; [key: string]: unknown }
async function filesOf(): Promise<Listed[]> {
  const got = await fetch(`${plane.url}/simple/foreign/`, { headers: json });
  expect(got.status).toBe(200);
  return ((await got.json()) as { files: Listed[] }).files;
}
const linkOf = async (filename: string): Promise<string> => {
  const file = (await filesOf()).find((one) => one.filename === filename);
  return new URL(file?.url ?? '', `${plane.url}/simple/foreign/`).href;
};
const bytesOf = async (url: string, headers = {}): Promise<Buffer> => Buffer.from(await (await fetch(url, { headers })).arrayBuffer());
const expire = (): Promise<unknown> => plane.pool.query(`update upstream_page set fetched_at = '2020-01-01'`);

/** The same farm after a restart: nothing in memory. */
async function restart(): Promise<void> {
  const { folder } = plane;
  await plane.app.close();
  await plane.pages.stop();
  await plane.pool.end();
  plane = await startIndexPlane({ databaseUrl: postgres.url, upstream: base, folder });
}

describe('pages', () => {
  it('keep what upstream says and lead to the farm; files that cannot be checked are left out', async () => {
    const files = await filesOf();
    expect(files.map((file) => file.filename)).toEqual([wheel.filename, bigName]);
    expect(files[0]).toMatchObject({
      'requires-python': '>=3.8', yanked: 'bad & <old>', size: wheel.bytes.length, 'upload-time': '2024-01-02T03:04:05.000006Z',
      'core-metadata': { sha256: sha256Of(wheel.metadata) }, hashes: { sha256: sha256Of(wheel.bytes) },
    });
    expect(await linkOf(wheel.filename)).toMatch(new RegExp(`^${plane.url}/files/`));
    const html = await (await fetch(`${plane.url}/simple/foreign/`)).text();
    expect(html).toContain('data-yanked="bad &amp; &lt;old&gt;"');
    expect(seen).toEqual(['/simple/foreign/']);
  });

  it('are asked for once by many, and revalidated with their ETag after a restart', async () => {
    await Promise.all(Array.from({ length: 10 }, filesOf));
    expect(seen).toHaveLength(1);
    await expire();
    await restart();
    expect(await filesOf()).toHaveLength(2);
    expect(seen).toHaveLength(2);
    await restart();
    await filesOf();
    expect(seen, 'a page that was just revalidated is fresh').toHaveLength(2);
  });

  it('are served stale while upstream is down, with a warning; without one, 502', async () => {
    await filesOf();
    await expire();
    await restart();
    answer = (_, response) => { response.writeHead(503).end(); };
    const got = await fetch(`${plane.url}/simple/foreign/`, { headers: json });
    expect([got.status, got.headers.get('warning')]).toEqual([200, '110 - "Response is Stale"']);
    const unknown = await fetch(`${plane.url}/simple/never-seen/`);
    expect([unknown.status, ((await unknown.json()) as { code: string }).code]).toEqual([502, 'FARM_UPSTREAM_UNREACHABLE']);
  });

  it('404 stays 404, and is not asked for again at once', async () => {
    expect((await fetch(`${plane.url}/simple/missing/`)).status).toBe(404);
    expect((await fetch(`${plane.url}/simple/missing/`)).status).toBe(404);
    expect(seen).toEqual(['/simple/missing/']);
  });

  it('of a name that the farm holds never come from upstream, before its first publish too', async () => {
    await plane.pool.query(`insert into project (name, display_name) values ('foreign', 'foreign')`);
    expect(await filesOf()).toEqual([]);
    const files = await filesToPublish(plane.blobs, [makeWheel({ name: 'foreign', version: '0.1' })]);
    await plane.index.publish({ project: 'foreign', displayName: 'foreign', version: '0.1', buildId: 'b', files });
    expect((await filesOf()).map((file) => file.filename)).toEqual(['foreign-0.1-py3-none-any.whl']);
    expect(seen).toEqual([]);
    await plane.pool.query('truncate project, file, index_page, index_head cascade');
  });
});

describe('files', () => {
  it('are fetched once, checked, kept, and served in parts', async () => {
    const link = await linkOf(bigName);
    const all = await Promise.all(Array.from({ length: 6 }, () => bytesOf(link)));
    expect(all.every((bytes) => bytes.equals(big))).toBe(true);
    expect(seen.filter((path) => path.endsWith(bigName))).toHaveLength(1);
    expect((await bytesOf(link, { range: 'bytes=5-9' })).toString()).toBe('wheel');
    expect(await plane.blobs.has(sha256Of(big))).toBe(true);
    expect(seen.filter((path) => path.endsWith(bigName))).toHaveLength(1);
  });

  it('begin before upstream has ended', async () => {
    let finish = (): void => {};
    answer = (request, response) => {
      if (!request.url?.endsWith(bigName)) return serve(request, response);
      response.writeHead(200, { 'content-length': big.length }).write(big.subarray(0, 300_000));
      finish = () => { response.end(big.subarray(300_000)); };
    };
    const got = await fetch(await linkOf(bigName));
    const reader = got.body?.getReader();
    const first = await reader?.read();
    expect(first?.value?.length).toBeGreaterThan(0);
    finish();
    let bytes = first?.value?.length ?? 0;
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) bytes += part.value.length;
    expect(bytes).toBe(big.length);
  });

  it.each([
    ['of other bytes', (response: ServerResponse) => { response.writeHead(200, { 'content-length': big.length }).end(Buffer.alloc(big.length, 'evil!')); }],
    ['cut short', (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': big.length }).write(big.subarray(0, 200_000));
      setTimeout(() => response.destroy(), 50);
    }],
  ])('%s are a broken transfer, and are not kept', async (_, send) => {
    answer = (request, response) => { if (request.url?.endsWith(bigName)) send(response); else serve(request, response); };
    const link = await linkOf(bigName);
    await expect(bytesOf(link)).rejects.toThrow();
    expect(await plane.blobs.has(sha256Of(big))).toBe(false);
    answer = serve;
    expect((await bytesOf(link)).equals(big), 'the next request gets the right bytes').toBe(true);
  });

  it('have their metadata checked against the page', async () => {
    const link = `${await linkOf(wheel.filename)}.metadata`;
    answer = (request, response) => { if (request.url?.endsWith('.metadata')) response.end('Name: evil\n'); else serve(request, response); };
    expect((await fetch(link)).status).toBe(422);
    answer = serve;
    expect((await bytesOf(link)).toString()).toBe(wheel.metadata);
  });

  it('are found after a restart without asking for the page again', async () => {
    const link = await linkOf(wheel.filename);
    const path = new URL(link).pathname;
    await restart();
    expect((await bytesOf(plane.url + path)).equals(wheel.bytes)).toBe(true);
    expect(seen).toEqual(['/simple/foreign/', `/f/${wheel.filename}`]);
  });

  it('of no page are not served, though their blob is here', async () => {
    const { sha256 } = await plane.blobs.put(Buffer.from('a log of a build'));
    const path = `/files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}`;
    expect((await fetch(`${plane.url}${path}/foreign-9.0-py3-none-any.whl`)).status).toBe(404);
    expect((await fetch(`${plane.url}${path}/foreign-9.0-py3-none-any.whl.metadata`)).status).toBe(404);
  });
});
