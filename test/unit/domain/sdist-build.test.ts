import { describe, expect, it } from 'vitest';
import { chooseBuild, metadataDifference, sdistBuildFault, type SdistBuild } from '../../../orchestrator/domain/sdist-build.ts';

const text = (...headers: string[]): string => `Metadata-Version: 2.4\nName: demo-kit\nVersion: 1.0.post1\n${headers.map((one) => `${one}\n`).join('')}`;
const named = (built: string, wanted: string): string[] => metadataDifference(built, wanted).map(({ field, why }) => `${field}: ${why}`);

describe('metadataDifference', () => {
  it.each([
    ['the form of METADATA', 'Metadata-Version: 2.1\nName: demo-kit\nVersion: 1.0.post1\n', text()],
    ['spelling of name and version', 'Metadata-Version: 2.4\nName: Demo_Kit\nVersion: 1.0-1\n', text()],
    ['what is dynamic', text('Dynamic: summary'), text()],
    ['the order and spelling of requirements', text('Requires-Dist: six >=1,<2', 'Requires-Dist: attrs;python_version<"3.9"'),
      text('Requires-Dist: attrs; python_version < \'3.9\'', 'Requires-Dist: six<2,>=1')],
    ['the order of classifiers', text('Classifier: A :: B', 'Classifier: C :: D'), text('Classifier: C :: D', 'Classifier: A :: B')],
    ['spelling of bounds', text('Requires-Python: <4, >=3.8'), text('Requires-Python: >=3.8,<4')],
    ['the order of keywords', text('Keywords: a,b'), text('Keywords: b, a')],
    ['where the description stands', text('Description: Some words'), `${text()}\nSome\n  words\n`],
    ['spelling of an extra', text('Provides-Extra: Big_One'), text('Provides-Extra: big-one')],
  ])('takes %s for the same', (_, built, wanted) => expect(named(built, wanted)).toEqual([]));

  it.each([
    [text('Requires-Python: >=3.8'), text('Requires-Python: >=3.9'), ['Requires-Python: also >=3.8, not >=3.9']],
    [text(), text('Requires-Dist: six'), ['Requires-Dist: not six']],
    [text('Requires-Dist: six; extra == "a"'), text('Requires-Dist: six'), ['Requires-Dist: also six; extra == "a", not six']],
    [text('Summary: x', 'Author: y'), text('Summary: z'), ['Summary: also x, not z', 'Author: also y']],
    ['Metadata-Version: 2.4\nName: demo-kit\nVersion: 1.0\n', text(), ['Version: also 1.0, not 1.0.post1']],
    [`${text()}\nold\n`, `${text()}\nnew\n`, ['Description: another text']],
    [text(...'abcde'.split('').map((one) => `Classifier: ${one} :: ${one}`)), text(), ['Classifier: also a :: a, also b :: b, also c :: c, …']],
    ['no header\n', text(), ['METADATA: it cannot be read']],
  ])('names the fields that differ', (built, wanted, found) => expect(named(built, wanted)).toEqual(found));
});

describe('chooseBuild', () => {
  const rows = [
    { target: 'cp311-manylinux_x86_64', build: 'cross', test: 'native' }, { target: 'cp311-manylinux_aarch64', build: 'cross', test: 'qemu' },
    { target: 'cp313-manylinux_x86_64', build: 'native', test: 'none' },
  ];
  it.each([
    ['a wheel of a native target', ['a-1-cp313-cp313-manylinux_2_17_x86_64.whl', 'a-1-cp311-cp311-manylinux_2_17_aarch64.whl'],
      { target: 'cp313-manylinux_x86_64', wheel: 'a-1-cp313-cp313-manylinux_2_17_x86_64.whl' }],
    ['a pure wheel', ['a-1-py3-none-any.whl'], { target: 'cp311-manylinux_x86_64', wheel: 'a-1-py3-none-any.whl' }],
    ['the first native row where no wheel is for one', ['a-1-cp312-cp312-win_amd64.whl'], { target: 'cp311-manylinux_x86_64', wheel: 'a-1-cp312-cp312-win_amd64.whl' }],
  ])('takes %s', (_, wheels, choice) => expect(chooseBuild(wheels, rows)).toEqual(choice));
  it('is none without a native row, or without a wheel', () => {
    expect([chooseBuild(['a-1-py3-none-any.whl'], rows.slice(1, 2)), chooseBuild([], rows)]).toEqual([null, null]);
  });
});

describe('sdistBuildFault', () => {
  const build: SdistBuild = { state: 'equal', target: 't', fields: [], why: '', attemptId: null, wheelSha256: null, metadataSha256: null };
  it.each([
    ['equal', null], ['building', null], ['not built', 'FARM_EDIT_SDIST_UNBUILT'], ['different', 'FARM_EDIT_SDIST_DIFFERS'],
  ] as const)('of %s is %s', (state, code) => {
    const fault = sdistBuildFault('a.tar.gz', { ...build, state, fields: ['Summary', 'Author'], why: 'so' });
    expect(fault?.code ?? null).toBe(code);
    if (code === 'FARM_EDIT_SDIST_DIFFERS') expect(fault?.words).toEqual({ file: 'a.tar.gz', fields: 'Summary, Author', why: 'so' });
  });
});
