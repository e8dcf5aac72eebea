import { describe, expect, it } from 'vitest';
import { editMetadata, parseOperation, printDiff } from '../../../orchestrator/domain/edit.ts';
import type { EditOperation } from '../../../orchestrator/domain/edit.ts';
import { withHeader } from '../../../orchestrator/domain/edit-text.ts';

const original = [
  'Metadata-Version: 2.1', 'Name: Demo', 'Version: 1.0', 'Summary: A demo', 'X-Unknown:  kept  as it is ',
  'License: MIT', '        second line', 'Requires-Python: >=3.8', 'Provides-Extra: dev_tools',
  'Requires-Dist: numpy (>=1.22.4) ; python_version<"3.11"', 'Requires-Dist: numpy>=1.23.2; python_version=="3.11"',
  'Requires-Dist: six <2', "Requires-Dist: pytest ; extra == 'dev_tools'", 'Classifier: A :: B', '', 'Body: not a header', '', '  é\r', '',
].join('\n');

const op = (kind: EditOperation['kind'], text: string): EditOperation => {
  const parsed = parseOperation(kind, text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
};
const refusal = (kind: EditOperation['kind'], text: string) => {
  const parsed = parseOperation(kind, text);
  return parsed.ok ? 'accepted' : parsed.error.code;
};
const edit = (operations: readonly EditOperation[], text = original) => {
  const edited = editMetadata(text, operations);
  if (!edited.ok) throw new Error(JSON.stringify(edited.error));
  return edited.value;
};
const fault = (operations: readonly EditOperation[], text = original) => {
  const edited = editMetadata(text, operations);
  return edited.ok ? 'accepted' : `${edited.error.code} ${Object.values(edited.error.words).join(' ')}`;
};

describe('an operation', () => {
  it.each(['Name: other', 'Version: 2', 'Metadata-Version: 2.4', 'License-File: x', 'Dynamic: Summary', 'Import-Name: x',
    'Platform: any', 'X-Unknown: y', 'License: MIT', 'nonsense'])('is refused for a field off the list: %s', (text) => {
    expect(refusal('set', text)).toBe('FARM_EDIT_FIELD');
  });

  it.each(['Requires-Dist: numpy>>1', 'Requires-Dist: x @ https://example.invalid/x.whl', 'Requires-Dist:', 'Summary: a\nName: evil',
    `Summary: ${'x'.repeat(513)}`, 'Summary: a\u2028b', 'Requires-Python: three', 'Provides-Extra: a b', 'Project-URL: Home https://x',
    'Classifier: lonely', 'License-Expression: MIT AND', 'License-Expression: (MIT', 'License-Expression: MIT Apache-2.0'])(
    'is refused for a value that cannot be: %s', (text) => { expect(refusal('set', text)).toBe('FARM_EDIT_VALUE'); });

  it('is written in normal form', () => {
    expect(op('set', 'requires-dist: NumPy [Foo_Bar] >=1.26, <3 ; extra == "Dev_Tools"').value).toBe('numpy[foo-bar]<3,>=1.26; extra == "dev-tools"');
    expect(op('set', 'Provides-Extra: Foo_Bar').value).toBe('foo-bar');
    expect(op('set', 'License-Expression: MIT or ( Apache-2.0 with LLVM-exception )').value).toBe('MIT OR (Apache-2.0 WITH LLVM-exception)');
    expect(op('remove', 'License')).toEqual({ kind: 'remove', field: 'License', value: null });
  });
});

describe('an edit of METADATA', () => {
  it('changes the named line and not one other byte', () => {
    const { metadata, changes, secondApproval } = edit([op('set', 'Requires-Dist: six<3')]);
    expect(metadata).toBe(original.replace('six <2', 'six<3'));
    expect(changes).toEqual([{ field: 'Requires-Dist', before: 'six <2', after: 'six<3', risk: 'loosen' }]);
    expect(secondApproval).toBe(false);
  });

  it('keeps line ends, byte order mark and a missing last line end', () => {
    const windows = `\uFEFF${original.replaceAll('\n', '\r\n')}`;
    expect(edit([op('set', 'Requires-Dist: six<3')], windows).metadata).toBe(windows.replace('six <2', 'six<3'));
    expect(edit([op('set', 'Classifier: C :: D')], 'Metadata-Version: 2.1\nName: a\nVersion: 1').metadata)
      .toBe('Metadata-Version: 2.1\nName: a\nVersion: 1\nClassifier: C :: D\n');
  });

  it('puts an added value behind the last of its field, and asks for a second approval of a dependency', () => {
    const { metadata, changes, secondApproval } = edit([op('set', 'Requires-Dist: attrs>=23')]);
    expect(metadata).toBe(original.replace("'dev_tools'\n", "'dev_tools'\nRequires-Dist: attrs>=23\n"));
    expect([changes[0]?.risk, secondApproval]).toEqual(['add-dependency', true]);
  });

  it('refuses to guess between requirements of one name', () => {
    expect(fault([op('set', 'Requires-Dist: numpy<3')])).toMatch(/^FARM_EDIT_AMBIGUOUS numpy<3 numpy \(>=1.22.4\)/);
    const named = edit([op('set', 'Requires-Dist: numpy>=1.23.2,<3; python_version=="3.11"')]);
    expect(named.metadata).toContain('Requires-Dist: numpy<3,>=1.23.2; python_version == "3.11"\n');
    expect(named.changes.map(({ risk }) => risk)).toEqual(['tighten']);
    const all = edit([op('remove', 'Requires-Dist: numpy'), op('set', 'Requires-Dist: numpy<3')]);
    expect(all.changes.map(({ risk }) => risk)).toEqual(['remove-dependency', 'remove-dependency', 'add-dependency']);
  });

  it('adds a bound to every requirement of the name and keeps what was there', () => {
    const { metadata, changes } = edit([op('bound', 'Requires-Dist: numpy<3'), op('bound', 'Requires-Python: <3.14')]);
    expect(metadata).toContain('numpy<3,>=1.22.4; python_version < "3.11"\nRequires-Dist: numpy<3,>=1.23.2; python_version == "3.11"\n');
    expect(metadata).toContain('Requires-Python: >=3.8,<3.14\n');
    expect(changes.every(({ risk }) => risk === 'tighten')).toBe(true);
    expect(fault([op('bound', 'Requires-Python: <3.14')], metadata)).toBe('FARM_EDIT_NOTHING it changes no value');
    expect(fault([op('bound', 'Requires-Dist: absent<3')])).toBe('FARM_EDIT_NOTHING there is no Requires-Dist: absent<3');
  });

  it('says when there is nothing to do', () => {
    expect(fault([op('set', 'Requires-Dist: six<2')])).toBe('FARM_EDIT_NOTHING it changes no value');
    expect(fault([op('remove', 'Requires-Dist: attrs')])).toBe('FARM_EDIT_NOTHING there is no Requires-Dist: attrs');
    expect(fault([op('remove', 'Keywords')])).toBe('FARM_EDIT_NOTHING there is no Keywords');
  });

  it('is undone by another edit', () => {
    const there = edit([op('set', 'Requires-Dist: attrs>=23'), op('set', 'Summary: other')]).metadata;
    expect(edit([op('remove', 'Requires-Dist: attrs'), op('set', 'Summary: A demo')], there).metadata).toBe(original);
  });

  it('keeps extras whole', () => {
    expect(fault([op('set', 'Requires-Dist: attrs; extra == "none"')])).toMatch(/FARM_EDIT_VALUE .*the extra none is not provided/);
    expect(fault([op('remove', 'Provides-Extra: dev-tools')])).toMatch(/FARM_EDIT_VALUE .*still needs it/);
    expect(edit([op('set', 'Requires-Dist: attrs; extra == "Dev.Tools"')]).metadata).toContain('attrs; extra == "dev-tools"\n');
    expect(fault([op('set', 'Provides-Extra: dev.tools')])).toMatch(/^FARM_EDIT_NOTHING|^accepted/);
  });

  it('raises Metadata-Version only where a new field needs it', () => {
    expect(edit([op('set', 'Summary: x')]).metadata).toContain('Metadata-Version: 2.1\n');
    const { metadata, changes } = edit([op('remove', 'License'), op('set', 'License-Expression: MIT')]);
    expect(metadata).toContain('Metadata-Version: 2.4\n');
    expect(metadata).toContain('Provides-Extra: dev-tools\n');
    expect(changes.map(({ field }) => field)).toEqual(['Metadata-Version', 'License', 'Provides-Extra', 'License-Expression']);
    const files = original.replace('Classifier', 'License-File: LICENSE\nClassifier');
    expect(fault([op('set', 'License-Expression: MIT')], files)).toMatch(/^FARM_EDIT_METADATA .*takes a rebuild$/);
    const twins = original.replace('dev_tools\n', 'dev_tools\nProvides-Extra: dev.tools\n');
    expect(fault([op('set', 'License-Expression: MIT')], twins)).toMatch(/two of its extras are dev-tools/);
  });

  it.each([
    ['a bare carriage return', 'Metadata-Version: 2.1\nName: a\rRequires-Dist: evil\nVersion: 1\n'],
    ['a line that is no header', 'Metadata-Version: 2.1\nName a\n'], ['a fold before any header', ' x\nName: a\n'],
    ['two Summary', 'Metadata-Version: 2.1\nSummary: a\nSummary: b\n'], ['two names', 'Metadata-Version: 2.1\nName: a\nName: b\n'],
    ['no version', 'Name: a\n'], ['another major version', 'Metadata-Version: 3.0\nName: a\nVersion: 1\n'],
  ])('refuses a text with %s', (_, text) => {
    expect(fault([op('set', 'Keywords: x')], text)).toMatch(/^FARM_EDIT_METADATA/);
  });

  it('changes the body only when Description is named', () => {
    const { metadata, changes } = edit([op('set', 'Description: new\n\nbody')]);
    expect(metadata).toBe(`${original.slice(0, original.indexOf('\n\n'))}\n\nnew\n\nbody\n`);
    expect(changes).toMatchObject([{ field: 'Description', risk: 'text' }]);
  });

  it('prints a diff', () => {
    expect(printDiff(edit([op('set', 'Requires-Dist: six<3'), op('remove', 'License')]).changes))
      .toBe('- License: MIT\n-         second line\n- Requires-Dist: six <2\n+ Requires-Dist: six<3\n');
  });
});

describe('WHEEL', () => {
  it('takes a build number', () => {
    const wheel = 'Wheel-Version: 1.0\r\nRoot-Is-Purelib: true\r\nTag: py3-none-any\r\n\r\n';
    const one = withHeader(wheel, 'Build', '1');
    expect(one).toBe(wheel.replace('any\r\n', 'any\r\nBuild: 1\r\n'));
    expect(withHeader(withHeader(one, 'Build', '12'), 'Build', null)).toBe(wheel);
  });
});
