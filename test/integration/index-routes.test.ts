/** What the routes answer, judged by the standards: pages, files, metadata, bundles. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUpstreamPage } from '../../orchestrator/adapters/upstream-page.ts';
import type { FileToPublish } from '../../orchestrator/ports.ts';
import { makeSdist, makeWheel, type MadeDistribution } from '../support/distributions.ts';
import { filesToPublish, sha256Of, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';
import { startPostgres } from '../support/postgres.ts';

const jsonType = 'application/vnd.pypi.simple.v1+json';
const htmlType = 'application/vnd.pypi.simple.v1+html';
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let plane: IndexPlane;
let made: MadeDistribution[];
let files: FileToPublish[];

/** A bundle in form only; what is in it is judged where it is made. */
const bundle = (payload: string): object => ({
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  verificationMaterial: { certificate: { rawBytes: 'Y2VydA==' }, tlogEntries: [] },
  dsseEnvelope: { payload, payloadType: 'application/vnd.in-toto+json', signatures: [{ sig: 'c2ln' }] },
});

beforeAll(async () => {
  postgres = await startPostgres();
  plane = await startIndexPlane({ databaseUrl: postgres.url, upstream: 'http://127.0.0.1:9/' });
  const name = 'Shown.Name';
  made = [
    makeWheel({ name: 'shown_name', version: '1.10', requiresPython: '>=3.8,<4' }), makeWheel({ name: 'shown_name', version: '1.9' }),
    await makeSdist({ name: 'shown_name', version: '1.10', requiresPython: '>=3.8,<4' }),
  ];
  files = await filesToPublish(plane.blobs, made);
  for (const kind of ['publish', 'provenance']) {
    await plane.pool.query(
      `insert into attestation (statement_sha256, file_sha256, filename, kind, predicate_type, bundle) values ($1, $2, $3, $4, 'p', $5)`,
      [`s-${kind}`, files[0]?.sha256, files[0]?.filename, kind, JSON.stringify(bundle(kind))]);
  }
  for (const version of ['1.9', '1.10']) {
    const ofVersion = files.filter((file) => file.filename.includes(`-${version}`));
    await plane.index.publish({ project: 'shown-name', displayName: name, version, buildId: 'b', files: ofVersion });
  }
});

afterAll(async () => {
  await plane?.stop();
  await postgres?.stop();
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(plane.url + path, { headers, method, redirect: 'manual' });
const filePath = ({ sha256, filename }: { sha256: string; filename: string }): string =>
  `/files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}/${filename}`;

async function parsed(accept: string): Promise<ReturnType<typeof parseUpstreamPage>> {
  const answer = await get('/simple/shown-name/', { accept });
  const contentType = answer.headers.get('content-type') ?? '';
  expect(contentType.split(';')[0]).toBe(accept);
  return parseUpstreamPage({ text: await answer.text(), contentType, url: answer.url, project: 'shown-name' });
}

describe('pages', () => {
  it('say the same as JSON and as HTML', async () => {
    const [json, html] = await Promise.all([parsed(jsonType), parsed(htmlType)]);
    const common = (page: typeof json): object[] => page.files.map((file) => ({ ...file, bytes: null, uploadTime: null }));
    expect(common(html)).toEqual(common(json));
    expect(json.files.map((file) => file.sha256).sort()).toEqual(files.map((file) => file.sha256).sort());
    expect(json.files.every((file) => file.bytes !== null && Date.parse(file.uploadTime ?? '') > Date.now() - 600_000)).toBe(true);
  });

  it('sort versions as versions and name the provenance where there is one', async () => {
    const page = await (await get('/simple/shown-name/', { accept: jsonType })).json() as
      { versions: string[]; meta: object; files: { filename: string; provenance: string | null; url: string }[] };
    expect(page.versions).toEqual(['1.9', '1.10']);
    expect(page.meta).toEqual({ 'api-version': '1.4' });
    const attested = page.files.filter((file) => file.provenance !== null);
    expect(attested.map((file) => file.filename)).toEqual([files[0]?.filename]);
    expect(page.files.every((file) => file.url.startsWith('../../files/'))).toBe(true);
    const object = await fetch(attested[0]?.provenance ?? '');
    expect(object.headers.get('content-type')).toBe('application/vnd.pypi.integrity.v1+json');
    expect(await object.json()).toMatchObject({
      version: 1, attestation_bundles: [{ publisher: { kind: 'farm' }, attestations: [{ version: 1 }, { version: 1 }] }],
    });
  });

  it('negotiate: pip\'s and uv\'s Accept get JSON, nothing gets HTML, foreign types 406, ?format goes first', async () => {
    const typeFor = async (accept: string | undefined, query = ''): Promise<string> => {
      const { body } = await plane.app.inject({ url: `/simple/shown-name/${query}`, headers: accept ? { accept } : {} })
        .then((answer) => ({ body: `${answer.statusCode} ${String(answer.headers['content-type'])} ${String(answer.headers.vary)}` }));
      return body;
    };
    expect(await typeFor(`${jsonType}, ${htmlType}; q=0.1, text/html; q=0.01`)).toBe(`200 ${jsonType} Accept`);
    expect(await typeFor(undefined)).toBe('200 text/html; charset=utf-8 Accept');
    expect(await typeFor('image/png')).toMatch(/^406 /);
    expect(await typeFor('text/html', `?format=${encodeURIComponent(jsonType)}`)).toBe(`200 ${jsonType} Accept`);
  });

  it('answer 304 to their ETag, which differs by form, and are to be revalidated', async () => {
    const [json, html] = await Promise.all([jsonType, htmlType].map((accept) => get('/simple/shown-name/', { accept })));
    const etag = json?.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]+"$/);
    expect(html?.headers.get('etag')).not.toBe(etag);
    expect(json?.headers.get('cache-control')).toBe('no-cache');
    const again = await get('/simple/shown-name/', { accept: jsonType, 'if-none-match': `"other", W/${etag}` });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await get('/simple/shown-name/', { accept: htmlType, 'if-none-match': etag })).status).toBe(200);
  });

  it('redirect to the one address of a project, keeping the query', async () => {
    const locationOf = async (path: string): Promise<string> => {
      const answer = await get(path);
      expect(answer.status).toBe(301);
      return new URL(answer.headers.get('location') ?? '', answer.url).href.slice(plane.url.length);
    };
    expect(await locationOf('/simple/shown-name')).toBe('/simple/shown-name/');
    expect(await locationOf('/simple/Shown.Name?format=x')).toBe('/simple/shown-name/?format=x');
    expect(await locationOf('/simple/Shown__Name/')).toBe('/simple/shown-name/');
    expect((await get('/simple/-bad-/')).status).toBe(404);
    expect((await get('/simple/..%2f..%2fetc/')).status).toBe(404);
  });
});

describe('files', () => {
  it('are the published bytes, for ever, and their metadata is the METADATA inside', async () => {
    for (const [at, file] of files.entries()) {
      const answer = await get(filePath(file));
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(bytes.equals(made[at]?.bytes ?? Buffer.alloc(0))).toBe(true);
      expect(answer.headers.get('cache-control')).toContain('immutable');
      expect([answer.headers.get('etag'), answer.headers.get('content-length')]).toEqual([`"${file.sha256}"`, String(bytes.length)]);
      const metadata = await get(`${filePath(file)}.metadata`);
      if (file.kind === 'sdist') {
        expect(metadata.status).toBe(404);
        continue;
      }
      const inside = await promisify(execFile)('python3', ['-c', `
import base64, io, sys, zipfile
wheel = zipfile.ZipFile(io.BytesIO(base64.b64decode(sys.argv[1])))
sys.stdout.write(wheel.read(next(n for n in wheel.namelist() if n.endswith('/METADATA'))).decode())`, bytes.toString('base64')]);
      expect(await metadata.text()).toBe(inside.stdout);
    }
  });

  it('come in parts', async () => {
    const [file] = files as [FileToPublish];
    const whole = made[0]?.bytes ?? Buffer.alloc(0);
    const part = async (range: string, more = {}): Promise<[number, string | null, Buffer]> => {
      const answer = await get(filePath(file), { range, ...more });
      return [answer.status, answer.headers.get('content-range'), Buffer.from(await answer.arrayBuffer())];
    };
    const size = whole.length;
    expect(await part('bytes=0-3')).toEqual([206, `bytes 0-3/${size}`, whole.subarray(0, 4)]);
    expect(await part('bytes=-22')).toEqual([206, `bytes ${size - 22}-${size - 1}/${size}`, whole.subarray(-22)]);
    expect(await part(`bytes=10-${size + 999}`)).toEqual([206, `bytes 10-${size - 1}/${size}`, whole.subarray(10)]);
    expect((await part(`bytes=${size}-`)).slice(0, 2)).toEqual([416, `bytes */${size}`]);
    expect((await part('bytes=0-3', { 'if-range': '"other"' }))[0]).toBe(200);
    const head = await get(filePath(file), {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges')]).toEqual([200, String(size), 'bytes']);
    expect((await get(filePath(file), { 'if-none-match': `"${file.sha256}"` })).status).toBe(304);
  });

  it('that are not published are not served, though their blob is here', async () => {
    const secret = await plane.blobs.put(Buffer.from('the log of a build'));
    const [file] = files as [FileToPublish];
    for (const filename of [file.filename, 'other-1.0-py3-none-any.whl', 'log.txt', `${file.filename}.metadata`]) {
      expect((await get(filePath({ sha256: secret.sha256, filename }))).status, filename).not.toBe(200);
    }
    expect((await get(filePath({ sha256: file.metadataSha256 ?? '', filename: file.filename }))).status).not.toBe(200);
    expect((await get('/files/zz/zz/zz/x.whl')).status).toBe(404);
  });

  it('have their bundles beside them', async () => {
    const [file, bare] = files as [FileToPublish, FileToPublish];
    const payloadOf = async (suffix: string): Promise<string> => {
      const answer = await get(filePath(file) + suffix);
      expect(answer.headers.get('content-type')).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
      return ((await answer.json()) as { dsseEnvelope: { payload: string } }).dsseEnvelope.payload;
    };
    expect(await payloadOf('.publish.sigstore.json')).toBe('publish');
    expect(await payloadOf('.provenance.sigstore.json')).toBe('provenance');
    expect(await payloadOf('.sigstore.json')).toBe('provenance');
    expect((await get(`${filePath(bare)}.sigstore.json`)).status).toBe(404);
  });
});

it('warm pages come from memory: no query is made for them', async () => {
  await get('/simple/shown-name/');
  const calls = sha256Of('calls');
  await plane.pool.query(`select '${calls}'`);
  const count = async (): Promise<number> => Number((await plane.pool.query<{ n: string }>(
    `select xact_commit as n from pg_stat_database where datname = current_database()`)).rows[0]?.n);
  const started = performance.now();
  const before = await count();
  for (let at = 0; at < 500; at += 1) await plane.app.inject({ url: '/simple/shown-name/', headers: { accept: jsonType } });
  // The beat of the plane goes on meanwhile: some queries each second, never one for each page.
  expect(await count() - before).toBeLessThan(100 + (performance.now() - started) / 20);
});
