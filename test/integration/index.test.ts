import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexPostgres } from '../../orchestrator/adapters/index-postgres.ts';
import { pageCache } from '../../orchestrator/adapters/page-cache.ts';
import { indexLaws } from '../laws/index.ts';
import { makeSdist, makeWheel } from '../support/distributions.ts';
import { filesToPublish, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';
import { startPostgres } from '../support/postgres.ts';

const nowhere = 'http://127.0.0.1:9/simple/';
const json = { accept: 'application/vnd.pypi.simple.v1+json' };
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let plane: IndexPlane;

beforeAll(async () => {
  postgres = await startPostgres();
  plane = await startIndexPlane({ databaseUrl: postgres.url, upstream: nowhere });
}, 60_000);

afterAll(async () => {
  await plane?.stop();
  await postgres?.stop();
});

describe('in Postgres', () => {
  let lawful: Awaited<ReturnType<typeof startPostgres>>;
  let pool: Pool;
  beforeAll(async () => {
    lawful = await startPostgres();
    pool = new Pool({ connectionString: lawful.url, max: 12 });
    pool.on('error', () => {});
  });
  afterAll(async () => {
    await pool?.end();
    await lawful?.stop();
  });
  indexLaws(async () => {
    await pool.query('truncate file, index_page, index_head, plane, project cascade');
    return {
      index: indexPostgres({ pool, clock: { now: () => new Date() }, origin: () => 'http://farm.invalid' }),
      async listed(project) {
        const { rows: [row] } = await pool.query<{ json: Buffer }>('select json from index_page where project = $1', [project]);
        if (!row) return null;
        const page = JSON.parse(row.json.toString()) as { files: { filename: string; hashes: { sha256: string } }[] };
        return Object.fromEntries(page.files.map((file) => [file.filename, file.hashes.sha256]));
      },
      async world() {
        const tables = ['file', 'index_page', 'index_head', 'project'];
        return Promise.all(tables.map(async (table) => (await pool.query(`select * from ${table} order by 1`)).rows));
      },
    };
  });
});

async function publish(name: string, version: string, content = ''): Promise<{ serial: number; listed: string }> {
  const made = [makeWheel({ name, version, content }), await makeSdist({ name, version, requires: [content] })];
  const files = await filesToPublish(plane.blobs, made);
  return plane.index.publish({ project: name, displayName: name, version, buildId: 'build', files });
}

const versionsOf = async (url: string, name: string): Promise<{ versions: string[]; files: string[]; serial: number }> => {
  const answer = await fetch(`${url}/simple/${name}/`, { headers: json });
  const page = await answer.json() as { versions: string[]; files: { filename: string }[] };
  return { versions: page.versions, files: page.files.map((file) => file.filename), serial: Number(answer.headers.get('x-farm-serial')) };
};

describe('a plane', () => {
  it('serves a release as soon as publish has answered', async () => {
    expect(await publish('soon', '1.0')).toMatchObject({ listed: 'yes' });
    expect(await versionsOf(plane.url, 'soon')).toMatchObject({ versions: ['1.0'], files: ['soon-1.0-py3-none-any.whl', 'soon-1.0.tar.gz'] });
    const list = await (await fetch(`${plane.url}/simple/`, { headers: json })).json() as { projects: { name: string }[] };
    expect(list.projects).toContainEqual({ name: 'soon' });
  });

  it('shows the old or the new page to readers, never a mixed one', async () => {
    await publish('atomic', '1.0');
    const pageEtags = new Map<string, string>();
    let publishing = true;
    let reads = 0;
    const reader = async (at: number): Promise<void> => {
      const accept = at % 2 ? json.accept : 'text/html';
      let last = 0;
      while (publishing) {
        const answer = await fetch(`${plane.url}/simple/atomic/`, { headers: { accept } });
        const body = await answer.text();
        const serial = Number(answer.headers.get('x-farm-serial'));
        const wheels = body.match(/atomic-[\d.]+-py3-none-any\.whl(?=<\/a>|","url)/g)?.length ?? 0;
        const sdists = body.match(/atomic-[\d.]+\.tar\.gz(?=<\/a>|","url)/g)?.length ?? 0;
        if (wheels === 0 || wheels !== sdists) throw new Error(`mixed page: ${wheels} wheels, ${sdists} sdists`);
        if (serial < last) throw new Error('an older page came after a newer one');
        last = serial;
        const key = `${accept} ${serial}`;
        const etag = answer.headers.get('etag') ?? '';
        if ((pageEtags.get(key) ?? etag) !== etag) throw new Error('one serial had two pages');
        pageEtags.set(key, etag);
        reads += 1;
      }
    };
    const readers = Array.from({ length: 32 }, (_, at) => reader(at));
    for (let minor = 1; minor <= 8; minor += 1) expect(await publish('atomic', `1.${minor}`)).toMatchObject({ listed: 'yes' });
    publishing = false;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(64);
    expect((await versionsOf(plane.url, 'atomic')).versions).toHaveLength(9);
  });

  it('waits for every live plane, and says pending where one does not follow', async () => {
    const sibling = pageCache({ databaseUrl: postgres.url, folder: `${plane.folder}/sibling`, planeId: 'two' });
    await sibling.start();
    const { serial, listed } = await publish('twin', '1.0');
    expect(listed).toBe('yes');
    expect([plane.pages.serial(), sibling.serial()]).toEqual([serial, serial]);
    expect((await sibling.page('twin'))?.etagJson).toBe((await plane.pages.page('twin'))?.etagJson);
    await sibling.stop();
    await plane.pool.query(`insert into plane values ('hangs', 0, now() at time zone 'utc' + interval '1 minute')`);
    const started = performance.now();
    expect((await publish('twin', '1.1')).listed).toBe('pending');
    expect(performance.now() - started).toBeLessThan(3_000);
    await plane.pool.query(`delete from plane where id = 'hangs'`);
  });

  it('leaves nothing when the connection breaks before the commit', async () => {
    await publish('crash', '1.0');
    const before = await plane.pool.query('select * from file order by filename');
    const head = await plane.pool.query('select serial from index_head');
    // The last statement before the commit waits here until its connection is ended.
    const gate = await plane.pool.connect();
    await gate.query('begin');
    await gate.query('lock table index_page in exclusive mode');
    const broken = publish('crash', '1.1');
    const refused = expect(broken).rejects.toThrow();
    let victim: number | undefined;
    while (victim === undefined) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      const { rows } = await plane.pool.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into index_page%' and pid <> pg_backend_pid()`);
      victim = rows[0]?.pid;
    }
    await plane.pool.query('select pg_terminate_backend($1)', [victim]);
    await refused;
    await gate.query('rollback');
    gate.release();
    expect((await plane.pool.query('select * from file order by filename')).rows).toEqual(before.rows);
    expect((await plane.pool.query('select serial from index_head')).rows).toEqual(head.rows);
    expect((await versionsOf(plane.url, 'crash')).versions).toEqual(['1.0']);
    expect((await publish('crash', '1.1')).listed).toBe('yes');
  });

  it('listens again after its connections were ended, and misses nothing', async () => {
    await publish('deaf', '1.0');
    await plane.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'`);
    expect((await publish('deaf', '1.1')).listed).toBe('yes');
    expect((await versionsOf(plane.url, 'deaf')).versions).toEqual(['1.0', '1.1']);
  });

  it('writes pages again when the farm moves, and only then', async () => {
    await publish('moves', '1.0');
    await plane.pool.query(
      `insert into attestation (statement_sha256, file_sha256, filename, kind, predicate_type, bundle)
       select 's' || sha256, sha256, filename, 'publish', 'p', '{}' from file where project = 'moves' and kind = 'wheel'`);
    const moved = indexPostgres({ pool: plane.pool, clock: { now: () => new Date() }, origin: () => 'http://new.invalid' });
    expect(await moved.refresh()).toBe(1);
    expect(await moved.refresh()).toBe(0);
    const { rows: [page] } = await plane.pool.query<{ json: Buffer }>(`select json from index_page where project = 'moves'`);
    expect(page?.json.toString()).toContain('"provenance":"http://new.invalid/integrity/moves/1.0/moves-1.0-py3-none-any.whl/provenance"');
  });
});

describe('without its database', () => {
  it('a plane serves warm pages, cold copies and files; unknown names do not fall through; then it follows again', async () => {
    const own = await startPostgres();
    const first = await startIndexPlane({ databaseUrl: own.url, upstream: nowhere, planeId: 'first' });
    const wheel = makeWheel({ name: 'stays', version: '1.0' });
    const files = await filesToPublish(first.blobs, [wheel]);
    await first.index.publish({ project: 'stays', displayName: 'stays', version: '1.0', buildId: 'b', files });
    await first.pool.query(`insert into project (name, display_name) values ('reserved', 'reserved')`);
    while (!first.pages.names().includes('reserved')) await new Promise((resolve) => { setTimeout(resolve, 50); });
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    await first.pages.stop();
    const away = own.url.replace(/@[^/]+/, '@127.0.0.1:9');
    const second = await startIndexPlane({ databaseUrl: away, upstream: nowhere, folder: first.folder, planeId: 'second' });
    expect((await versionsOf(second.url, 'stays')).versions).toEqual(['1.0']);
    const sha256 = files[0]?.sha256 ?? '';
    const path = `/files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}/${wheel.filename}`;
    expect(Buffer.from(await (await fetch(second.url + path)).arrayBuffer()).equals(wheel.bytes)).toBe(true);
    expect((await fetch(`${second.url}/simple/reserved/`)).status).toBe(503);
    expect((await fetch(`${second.url}/simple/foreign/`)).status).toBe(502);
    await second.stop();
    await first.app.close();
    await first.pool.end();
    await own.stop();
  }, 60_000);
});
