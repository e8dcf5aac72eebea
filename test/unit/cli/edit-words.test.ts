import { describe, expect, it } from 'vitest';
import { editedLines, previewLines } from '../../../orchestrator/cli/edit-words.ts';
import type { EditPreview, EditView } from '../../../orchestrator/contract/edits.ts';

const change = { field: 'Requires-Python', before: '>=3.8', after: '>=3.9', risk: 'tighten' };
const file = {
  filename: 'a-1.0-1-py3-none-any.whl', bytes: 12_000_000, storedBytes: 20_000, original: 'a-1.0-py3-none-any.whl', originalSha256: 'ab'.repeat(32),
};
const preview: EditPreview = {
  project: 'a', version: '1.0', mode: 'respin', buildTag: 1, toVersion: null, files: [file], sdist: null, remarks: ['look at this'], secondApproval: false, approvers: [], basis: '',
  groups: [{ filenames: [file.original], changes: [change] }],
  reach: [
    { form: 'a', kind: 'requirement', sees: true, chosen: '1.0', why: 'a fresh install takes build 1' },
    { form: 'a>1.0', kind: 'requirement', sees: false, chosen: null, why: 'no version satisfies it' },
  ],
};
const edit: EditView = {
  id: 'e1', project: 'a', version: '1.0', mode: 'respin', buildTag: 1, state: 'published', why: 'so', requestedBy: 'me', approvals: [], approvers: [],
  groups: preview.groups, files: [{ ...file, sha256: 'cd'.repeat(32) }], failure: null,
  startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:02.000Z', resolution: [], acceptedConflict: false, sdistBuilt: null, acceptedUnbuilt: false, toVersion: null, undoes: null, batchId: null, index: 'http://127.0.0.1:1/simple/',
};

describe('previewLines', () => {
  it('shows the difference, who sees it, files and bytes', () => {
    expect(previewLines(preview)).toEqual([
      'a 1.0: 1 wheel with build tag 1', '',
      '  - Requires-Python: >=3.8', '  + Requires-Python: >=3.9', '  kind: tighten', '',
      'Note: look at this', '',
      'Who will see it:', '  yes  a      a fresh install takes build 1', '  no   a>1.0  no version satisfies it', '',
      'Files:', '  a-1.0-1-py3-none-any.whl  12.0 MB, of which 20 kB are new', '',
    ]);
  });

  it('shows some of many files, and what all of them are', () => {
    const files = Array.from({ length: 10 }, (_, at) => ({ ...file, filename: `a-1.0-1-${at}.whl` }));
    const lines = previewLines({ ...preview, files });
    expect(lines.filter((line) => line.includes('.whl  ')).length).toBe(8);
    expect(lines).toContain('  and 2 more; all 10: 120.0 MB, of which 200 kB are new');
  });

  it('names the files of each group where they differ, and an added dependency', () => {
    const lines = previewLines({ ...preview, secondApproval: true, groups: [...preview.groups, { filenames: ['b.whl', 'c.whl'], changes: [] }] });
    expect(lines).toContain('In a-1.0-py3-none-any.whl:');
    expect(lines.slice(lines.indexOf('In b.whl, c.whl:'))[1]).toBe('  (says it already)');
    expect(lines).toContain('It adds a dependency: that needs an approval of its own. The project has no other maintainer here, so the same person approves it, and the attestation says so.');
    expect(previewLines({ ...preview, secondApproval: true, approvers: ['ann', 'bob'] }))
      .toContain('It adds a dependency: it waits until another maintainer approves it (ann, bob).');
  });

  it('says who an edit waits for', () => {
    expect(editedLines({ ...edit, state: 'awaiting-approval', approvers: ['ann'], endedAt: null })).toEqual([
      'Edit e1 of a 1.0 waits for another maintainer: ann.', "  On its page, or at the farm's machine: ./farm edit --approve e1"]);
  });
});

describe('editedLines', () => {
  it('gives lines that install and verify', () => {
    const text = editedLines(edit).join('\n');
    expect(text).toContain('pip install --index-url http://127.0.0.1:1/simple/ a==1.0');
    expect(text).toContain(`http://127.0.0.1:1/files/cd/cd/${'cd'.repeat(30)}/a-1.0-1-py3-none-any.whl`);
    expect(text).toContain('./farm verify a-1.0-1-py3-none-any.whl --against a-1.0-py3-none-any.whl');
  });

  it('takes the wheel of a Linux machine to verify, where there is one', () => {
    const named = (platform: string) => ({ ...file, sha256: 'cd'.repeat(32), filename: `a-1.0-1-cp311-cp311-${platform}.whl` });
    expect(editedLines({ ...edit, files: [named('macosx_11_0_x86_64'), named('manylinux_2_17_x86_64')] }).at(-1)).toContain('manylinux');
  });

  it('says that nothing happened where it was not published', () => {
    expect(editedLines({ ...edit, state: 'cancelled', files: [] })).toEqual(['Edit e1 of a 1.0 was cancelled; the release is as it was.']);
  });
});
