import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildView } from '../../orchestrator/contract/api.ts';
import { cellsOf, scoreOf } from '../bench/corpus/score.ts';
import { corpusPage } from '../bench/corpus/table.ts';
import { apiOf, ended, homeTarget, sendFile } from '../support/build.ts';
import { run } from '../support/clients-run.ts';
import { sharedFarm, type TestFarm } from '../support/farm.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
}, 120_000);

async function build(what: string, targets: readonly string[] = []): Promise<BuildView> {
  const api = await apiOf(farm);
  const { id } = await api.post<BuildView>('/builds', { what, targets });
  return ended(api, id, 10 * 60_000);
}

const states = (view: BuildView): string[] =>
  [...new Set(view.cells.map(({ state, tested }) => `${state} ${tested ?? ''}`.trim()))].toSorted();

describe('real projects of the index', () => {
  it('builds idna once and covers every target', async () => {
    const view = await build('idna==3.10');
    expect(view.cells.filter(({ state }) => state === 'succeeded').map(({ target }) => target)).toEqual(['cp311-manylinux_x86_64']);
    expect(view.cells.filter(({ state }) => state === 'covered').length).toBe(7);
    expect(view.published.filter((name) => name.endsWith('.whl'))).toEqual(['idna-3.10-py3-none-any.whl']);
  });

  it('builds pyyaml on all eight cells with libyaml, which the farm compiles for it', async () => {
    const view = await build('pyyaml==6.0.2');
    expect(view.state, JSON.stringify(view.cells.map((cell) => cell.failure))).toBe('succeeded');
    expect(view.cells.map(({ state }) => state)).toEqual(Array.from({ length: 8 }, () => 'succeeded'));
    expect(view.cells.flatMap(({ notes }) => notes).join('\n')).not.toMatch(/yaml\.h/);
    expect(view.published.filter((name) => name.includes('-none-any'))).toEqual([]);
  });

  it.each(['msgpack==1.1.0', 'wrapt==1.17.2'])('builds %s on all eight cells', async (what) => {
    const view = await build(what);
    expect(view.state, JSON.stringify(view.cells.map((cell) => cell.failure ?? cell.testFailure))).toBe('succeeded');
    expect(states(view)).toEqual(['succeeded passed']);
    // The short form of `npm run corpus`: the same judgement and page, of a build that is here anyway.
    const [project = '', version = ''] = what.split('==');
    const result = {
      project, version, shape: 'as built by this test', at: view.startedAt, farm: 'this checkout', recipe: null,
      cells: cellsOf(view, view.cells.map(({ target }) => target)),
    };
    expect(scoreOf([result])).toMatchObject({ linux: { had: 8, of: 8, open: 0 }, tested: 8, audited: 0, windows: { had: 0, of: 0, open: 0 } });
    const page = corpusPage([result], [result]);
    expect(page).toMatch(/\| Linux \| 8 of 8 \| 100 % \| 0 \| at least 80 % \| yes \|/);
    expect(page).toMatch(new RegExp(`\\| ${project} ${version} \\| \\d`));
    expect(page).not.toContain('Cells without a wheel');
  });

  it('builds charset-normalizer once: without the wish for mypyc it is pure, as one of its wheels upstream is', async () => {
    const view = await build('charset-normalizer==3.4.1');
    expect(states(view)).toEqual(['covered', 'succeeded passed']);
    expect(view.published).toContain('charset_normalizer-3.4.1-py3-none-any.whl');
  });

  it('knows MarkupSafe with a broken compiler as built pure by mistake', async () => {
    // The same sdist with a compiler that cannot work: the row's own, and one header that is not C.
    const api = await apiOf(farm);
    const source = await sendFile(api, await brokenMarkupSafe());
    const { id } = await api.post<BuildView>('/builds', { what: '', source: source.id, targets: [homeTarget] });
    const view = await ended(api, id);
    expect(view.cells[0]?.failure).toMatchObject({ code: 'FARM_PURE_BY_MISTAKE', blame: 'project', step: 'build' });
    expect(view.published).toEqual([]);
  });
});

/** The real sdist of MarkupSafe whose one C file no compiler takes; everything else as it was. */
async function brokenMarkupSafe(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'farm-broken-'));
  const got = await run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', 'markupsafe', '-d', folder, 'markupsafe==3.0.1'],
    { env: { PIP_CONFIG_FILE: '' } });
  if (got.code !== 0) throw new Error(got.output);
  const file = join(folder, 'markupsafe-3.0.1.tar.gz');
  const broke = await run('python3', ['-c', [
    'import io, sys, tarfile',
    'source = tarfile.open(sys.argv[1])',
    'members = [(m, source.extractfile(m).read() if m.isfile() else None) for m in source.getmembers()]',
    'with tarfile.open(sys.argv[1], "w:gz") as out:',
    '    for member, content in members:',
    '        if member.name.endswith("_speedups.c"):',
    '            content = b"#error this compiler is broken\\n" + content',
    '            member.size = len(content)',
    '        out.addfile(member, io.BytesIO(content) if content is not None else None)',
  ].join('\n'), file]);
  if (broke.code !== 0) throw new Error(broke.output);
  return file;
}
