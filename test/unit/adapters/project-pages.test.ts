import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { projectPages } from '../../../orchestrator/adapters/pages/project.ts';
import { inTurns } from '../../../orchestrator/adapters/pages/turns.ts';
import type { Database } from '../../../orchestrator/adapters/prisma/database.ts';
import type { ProjectView } from '../../../orchestrator/contract/pages.ts';
import { limits } from '../../../orchestrator/contract/limits.ts';

interface Version { mark: string; published: number; targets: string; states: string; codes: string; plans?: Partial<Version>[] }

/** A database that answers the statements of a grid from values that a test changes, and remembers which rows were read. */
function databaseOf(projects: Record<string, Record<string, Version>>) {
  const read: string[] = [];
  const started = new Date(0);
  const rowsOf = (name: string, versions: readonly string[]): unknown[] => versions.flatMap((version) => {
    const one = projects[name]?.[version] as Version;
    read.push(`${name} ${version}`);
    return [one, ...(one.plans ?? []).map((plan) => ({ ...one, ...plan }))].map(({ targets, states, codes, mark }) => ({
      version, mark, origin: 'index', build: 'b', state: 'succeeded', started, ended: null, upstream: [`x-${version}-cp311-cp311-win_amd64.whl`],
      targets, states, tested: targets.replaceAll(/\S+/g, '-'), codes,
    }));
  });
  const query = async (asked: string | { name: string; values: [string, string[] | null] }, values: [string] = ['']): Promise<{ rows: unknown[] }> => {
    if (typeof asked === 'string') return { rows: asked.includes('from file') ? Object.entries(projects[values[0]] ?? {}).map(([version, { published }]) => ({ version, count: String(published) }))
      : asked.includes('from project') && projects[values[0]] ? [{ display: 'X', held: true }] : [] };
    const [name, versions] = asked.values;
    if (asked.name === 'grid-rows') return { rows: rowsOf(name, versions ?? Object.keys(projects[name] ?? {})) };
    return { rows: Object.entries(projects[name] ?? {}).flatMap(([version, { mark, plans = [] }]) => [mark, ...plans.map(() => mark)].map((one) => ({ version, mark: one }))) };
  };
  return { read, database: { pool: { query } } as unknown as Database };
}

const version = (mark: string, states = 's'): Version => ({ mark, published: 1, targets: 'cp311-win_amd64', states, codes: '-' });
const catalogue = { rows: async () => [] };
const viewOf = (text: { json: Buffer }): ProjectView => JSON.parse(text.json.toString()) as ProjectView;

describe('the kept grid of a project', () => {
  test('reads only the versions whose mark is another one, and is written again only then', async () => {
    const x = { '1.0': version('a', 'succeeded'), '1.10': version('b', 'failed'), '1.9': version('c', 'queued') };
    const { database, read } = databaseOf({ x });
    const project = projectPages({ database, catalogue, index: 'i' });
    const first = await project('x');
    expect(viewOf(first).rows.map((row) => [row.version, row.states, row.upstream])).toEqual([['1.10', 'f', '1'], ['1.9', 'q', '1'], ['1.0', 's', '1']]);
    expect(gunzipSync(first.gzip).equals(first.json)).toBe(true);
    read.length = 0;
    expect(await project('x')).toBe(first);
    expect(read).toEqual([]);
    x['1.9'] = version('d', 'running');
    const second = await project('x');
    expect(read).toEqual(['x 1.9']);
    expect([viewOf(second).rows[1]?.states, second.etag === first.etag]).toEqual(['r', false]);
  });

  test('sees a file that is published, a version that is new and one that is gone, though no mark has moved', async () => {
    const x: Record<string, Version> = { '1.0': version('a'), '2.0': version('b') };
    const { database } = databaseOf({ x });
    const project = projectPages({ database, catalogue, index: 'i' });
    await project('x');
    x['1.0'] = { ...version('a'), published: 7 };
    expect(viewOf(await project('x')).rows.map(({ published }) => published)).toEqual([1, 7]);
    x['3.0'] = version('c');
    expect(viewOf(await project('x')).rows).toHaveLength(3);
    delete x['2.0'];
    expect(viewOf(await project('x')).rows.map((row) => row.version)).toEqual(['3.0', '1.0']);
  });

  test('several plans of a version are one row: the newest that was not cancelled, in the order for people', async () => {
    const one: Version = {
      mark: 'a', published: 0, targets: 'cp310-win_amd64 cp39-win_amd64', states: 'cancelled failed', codes: '- FARM_COMPILE_ERROR',
      plans: [{ targets: 'cp310-win_amd64 cp311-win_amd64', states: 'succeeded cancelled', codes: '- -' }],
    };
    const { database } = databaseOf({ x: { '1.0': one } });
    const { shapes, rows: [row] } = viewOf(await projectPages({ database, catalogue, index: 'i' })('x'));
    expect(shapes).toEqual([['cp39-win_amd64', 'cp310-win_amd64', 'cp311-win_amd64']]);
    expect(row).toMatchObject({ states: 'fsk', tested: '...', causes: { 'cp39-win_amd64': 'FARM_COMPILE_ERROR' } });
  });

  test('the oldest grid is forgotten where all of them would be too much', async () => {
    const { database, read } = databaseOf({ x: { '1.0': version('a') }, y: { '1.0': version('a') } });
    const small = projectPages({ database, catalogue, index: 'i' });
    const bytes = 3 * (await small('x')).json.length;
    const project = projectPages({ database, catalogue, index: 'i', bytesMax: 2 * bytes });
    read.length = 0;
    for (const name of ['x', 'y', 'x', 'x']) await project(name);
    expect(read).toEqual(['x 1.0', 'y 1.0', 'x 1.0']);
    expect(limits.gridsBytesMax).toBeGreaterThan(100 * bytes);
    await expect(project('z')).rejects.toThrow('project z');
  });
});

test('whoever asks while a reading goes on is answered by one that begins after the question', async () => {
  const ends: ((value: number) => void)[] = [];
  const ask = inTurns(() => new Promise<number>((done) => { ends.push(done); }));
  const first = ask('x');
  const [second, third, other] = [ask('x'), ask('x'), ask('y')];
  expect(ends).toHaveLength(2);
  ends[0]?.(1);
  expect(await first).toBe(1);
  await expect.poll(() => ends.length).toBe(3);
  ends[1]?.(2);
  ends[2]?.(3);
  expect(await Promise.all([other, second, third])).toEqual([2, 3, 3]);
  const failing = inTurns(async (name) => { throw new Error(name); });
  await Promise.all([expect(failing('a')).rejects.toThrow('a'), expect(failing('a')).rejects.toThrow('a')]);
  await expect(failing('a')).rejects.toThrow('a');
});
