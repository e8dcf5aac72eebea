import { describe, expect, it } from 'vitest';
import { nextBuildTag, nextPost, postFilename, respinFilename } from '../../../orchestrator/domain/edit-delivery.ts';
import { checkLicence, recognise } from '../../../orchestrator/domain/edit-licence.ts';
import { reachOf } from '../../../orchestrator/domain/edit-reach.ts';
import type { ReachQuestion } from '../../../orchestrator/domain/edit-reach.ts';
import { editRelease } from '../../../orchestrator/domain/edit-release.ts';
import { compareBounds, requirementRisk } from '../../../orchestrator/domain/edit-risk.ts';
import { respinBuildType, wheelRespinProvenance } from '../../../orchestrator/domain/edit-statement.ts';
import type { RespinOrigin } from '../../../orchestrator/domain/edit-statement.ts';
import { parseSpecifiers } from '../../../orchestrator/domain/version.ts';

const clauses = (text: string) => {
  const parsed = parseSpecifiers(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

describe('bounds', () => {
  it.each([
    ['>=1', '>=1,<3', 'tighten'], ['>=1,<3', '>=1', 'loosen'], ['<2', '<3', 'loosen'], ['>=1.26', '>=1.25', 'loosen'],
    ['>=1', '>=2,<3', 'tighten'], ['>=1,<2', '>=1.5,<3', 'shift'], ['', '<3', 'tighten'], ['==1.0', '>=1.0', 'loosen'],
    ['~=1.4', '>=1.4,<2', 'same'], ['~=1.4', '>=1.4', 'loosen'], ['<=2', '<2', 'tighten'], ['==1.*', '==2.*', 'shift'],
    ['>=1,!=1.5', '>=1', 'loosen'], ['>=1', '>=1,!=1.5', 'tighten'], ['>=1', '===1', 'shift'], ['>=1,<3', '<3,>=1.0', 'same'],
  ])('from "%s" to "%s" is %s', (before, after, says) => {
    expect(compareBounds(clauses(before), clauses(after))).toBe(says);
  });
});

describe('the risk of a requirement', () => {
  it.each([
    [null, 'six', 'add-dependency'], ['six', null, 'remove-dependency'], ['six<2', 'six<3', 'loosen'], ['six', 'Six [x]', 'add-dependency'],
    ['six; python_version<"3"', 'six', 'add-dependency'], ['six[x]', 'six', 'remove-dependency'], ['six (<2)', 'six<2', 'text'],
    ['six; extra == "a_b"', "six<2; 'a-b' == extra", 'tighten'],
  ])('from %s to %s is %s', (before, after, says) => { expect(requirementRisk(before, after)).toBe(says); });
});

describe('names of deliveries', () => {
  it('counts build tags as numbers, above all that were used', () => {
    expect(nextBuildTag(['a-1.0-py3-none-any.whl'])).toBe(1);
    expect(nextBuildTag(['a-1.0-9-py3-none-any.whl', 'a-1.0-10a-py3-none-any.whl', 'a-1.0-2-cp311-cp311-win32.whl'])).toBe(11);
  });

  it.each([['1.0', [], '1.0.post1'], ['1.0.post1', [], '1.0.post2'], ['1.0', ['1.0.post7', '2.0.post9', '1.0.0.post8'], '1.0.post9'],
    ['1.0rc1', ['1.0.post3'], '1.0rc1.post1'], ['1!2', [], '1!2.post1'], ['1.0.dev1', [], null], ['1.0+x', [], null]] as const)(
    'after %s with %j comes %s', (version, existing, next) => { expect(nextPost(version, existing)).toBe(next); });

  it('keeps every other part of a filename', () => {
    expect(respinFilename('MarkupSafe-3.0-cp311-cp311-b.a.whl', 2)).toBe('MarkupSafe-3.0-2-cp311-cp311-b.a.whl');
    expect(respinFilename('a-1-3x-py3-none-any.whl', 4)).toBe('a-1-4-py3-none-any.whl');
    expect(postFilename('a-1-3-py3-none-any.whl', '1.post1')).toBe('a-1.post1-py3-none-any.whl');
  });
});

describe('who sees an edit', () => {
  const base: ReachQuestion = {
    name: 'pkg', version: '1.0.0', delivery: { mode: 'respin', buildTag: 1 }, otherVersions: ['0.9'], sdist: false, releaseAgeDays: 3,
  };
  const post: ReachQuestion = { ...base, delivery: { mode: 'post', version: '1.0.0.post1' }, sdist: true };
  const seen = (question: ReachQuestion) => Object.fromEntries(reachOf(question).map(({ form, sees, chosen }) => [form, sees ? (chosen ?? true) : false]));

  it('is what pip and uv do for a respin', () => {
    expect(seen(base)).toMatchObject({
      pkg: '1.0.0', 'pkg==1.0.0': '1.0.0', 'pkg===1.0.0': '1.0.0', 'pkg~=1.0.0': '1.0.0', 'pkg>=1.0.0': '1.0.0', 'pkg<=1.0.0': '1.0.0',
      'pkg>1.0.0': false, 'another package that needs pkg==1.0.0': '1.0.0', '1.0.0 is installed, install -U pkg': false,
      'builds from source (--no-binary pkg)': false, 'the public index, if uploaded there': true,
    });
    expect(seen({ ...base, releaseAgeDays: 15 })).toMatchObject({ 'the public index, if uploaded there': false });
  });

  it('is what pip and uv do for a post-release', () => {
    expect(seen(post)).toMatchObject({
      pkg: '1.0.0.post1', 'pkg==1.0.0': false, 'pkg===1.0.0': false, 'pkg==1.0.0.*': '1.0.0.post1', 'pkg~=1.0.0': '1.0.0.post1',
      'pkg>=1.0.0': '1.0.0.post1', 'pkg<=1.0.0': false, 'pkg>1.0.0': false, '1.0.0 is installed, install -U pkg': '1.0.0.post1',
      'builds from source (--no-binary pkg)': '1.0.0.post1', 'the public index, if uploaded there': '1.0.0.post1',
      'pip with --require-hashes or a pylock.toml made before': false, 'uv sync with a uv.lock made before': false,
    });
  });

  it('says that a newer version hides the edit', () => {
    const rows = seen({ ...post, otherVersions: ['2.0'] });
    expect(rows).toMatchObject({ pkg: false, 'pkg>=1.0.0': false, 'pkg~=1.0.0': '1.0.0.post1', '1.0.0 is installed, install -U pkg': false });
    expect(reachOf({ ...base, otherVersions: ['2.0'] })[0]).toMatchObject({ sees: false, chosen: '2.0', why: expect.stringContaining('newer 2.0') });
  });
});

describe('a licence edit', () => {
  const mit = { path: 'LICENSE', text: 'Permission is hereby granted, free of charge, to any\n person obtaining a copy' };
  const change = [{ field: 'License-Expression', before: null, after: 'MIT', risk: 'licence' as const }];
  const says = (metadata: string, files: readonly { path: string; text: string }[]) => {
    const checked = checkLicence(metadata, change, files);
    return checked.ok ? checked.value : checked.error.words['why'];
  };

  it('must agree with the files', () => {
    expect(says('License-Expression: MIT\n', [mit])).toEqual([]);
    expect(says('License-Expression: Apache-2.0\n', [mit])).toBe('LICENSE is MIT, which Apache-2.0 does not name');
    expect(says('License-Expression: Apache-2.0 OR MIT\n', [mit])).toEqual([]);
    expect(says('License-Expression: MIT\n', [])).toMatch(/no licence file/);
    expect(says('License-Expression: MIT\n', [{ path: 'COPYING', text: 'ours' }])).toEqual([expect.stringContaining('COPYING')]);
  });

  it('has one place', () => {
    expect(says('License: MIT\nLicense-Expression: MIT\n', [mit])).toMatch(/may not stand together/);
    expect(says('Classifier: License :: OSI Approved :: MIT License\nLicense-Expression: MIT\n', [mit])).toMatch(/remove it too/);
  });

  it('knows texts apart', () => {
    const bsd = 'Redistributions of source code must retain the above';
    expect(recognise(bsd)).toEqual(['BSD-2-Clause']);
    expect(recognise(`${bsd} Neither the name of`)).toEqual(['BSD-3-Clause']);
    expect(recognise('GNU LESSER GENERAL PUBLIC LICENSE\n   Version 3')).toEqual(['LGPL-3.0']);
  });
});

describe('an edit of a release', () => {
  const head = 'Metadata-Version: 2.2\nName: a\nVersion: 1\n';
  const wheels = [
    { filename: 'a-1-cp311-cp311-linux.whl', metadata: `${head}Requires-Dist: six\n` },
    { filename: 'a-1-cp311-cp311-win.whl', metadata: `${head}Requires-Dist: six\nRequires-Dist: colorama\n` },
  ];
  const set = [{ kind: 'set' as const, field: 'Requires-Dist', value: 'six<2' }];

  it('changes all wheels and says where they differ', () => {
    const edited = editRelease(wheels, set, `${head}Requires-Dist: six\n`);
    expect(edited).toMatchObject({ ok: true, value: {
      groups: [{ filenames: wheels.map(({ filename }) => filename) }], secondApproval: false,
      remarks: [expect.stringContaining('also colorama'), expect.stringContaining("the sdist's own Requires-Dist stays")],
    } });
  });

  it('says that a dynamic field cannot be carried by the sdist', () => {
    const edited = editRelease(wheels.slice(0, 1), set, `${head}Dynamic: Requires-Dist\n`);
    expect(edited).toMatchObject({ value: { remarks: [expect.stringContaining('is dynamic in the sdist')] } });
  });

  it('refuses all for one that cannot be edited, and delivers one that already agrees', () => {
    expect(editRelease([...wheels, { filename: 'bad.whl', metadata: 'x' }], set, null))
      .toMatchObject({ error: { code: 'FARM_EDIT_METADATA', words: { file: 'bad.whl' } } });
    const already = { filename: 'c.whl', metadata: `${head}Requires-Dist: six<2\n` };
    expect(editRelease([...wheels, already], set, null)).toMatchObject({ value: { groups: [{}, { filenames: ['c.whl'], changes: [] }] } });
    expect(editRelease([already], set, null)).toMatchObject({ error: { code: 'FARM_EDIT_NOTHING' } });
    expect(editRelease([], set, null)).toMatchObject({ error: { code: 'FARM_EDIT_NOTHING' } });
  });
});

describe('the statement of a respin', () => {
  const origin: RespinOrigin = {
    wheel: { name: 'a-1-1-py3-none-any.whl', sha256: '1'.repeat(64) }, original: { name: 'a-1-py3-none-any.whl', sha256: '2'.repeat(64) },
    project: 'a', version: '1', delivery: { mode: 'respin', buildTag: 1 }, editId: 'e1', operations: [{ kind: 'set', field: 'Requires-Dist', value: 'six' }],
    changes: [{ field: 'Requires-Dist', before: null, after: 'six', risk: 'add-dependency' }], why: 'w', requestedBy: 'ann',
    approvals: [{ by: 'bob', at: '2026-01-01T00:00:00Z', kind: 'added-dependency', self: false }], metadataSha256: '3'.repeat(64),
    originalMetadataSha256: '4'.repeat(64), payloadDigest: '5'.repeat(64), builderVersion: '0.1.0', startedOn: 's', finishedOn: 'f',
  };

  it('names the original, the edit, the approvals and the payload', () => {
    expect(wheelRespinProvenance('farm', origin)).toMatchObject({
      subject: [{ name: 'a-1-1-py3-none-any.whl', digest: { sha256: '1'.repeat(64) } }],
      predicate: {
        buildDefinition: {
          buildType: 'https://farm.wheelfarm.invalid/buildtypes/wheel-respin/v1',
          externalParameters: { operations: origin.operations, approvals: origin.approvals, delivery: { mode: 'respin', buildTag: 1 } },
          internalParameters: { payload: { form: 'wheel-payload/1', sha256: '5'.repeat(64) } },
          resolvedDependencies: [{ name: 'a-1-py3-none-any.whl', uri: 'pkg:pypi/a@1', digest: { sha256: '2'.repeat(64) } }],
        },
      },
    });
    expect(respinBuildType('farm')).toMatch(/wheel-respin\/v1$/);
  });

  it('is not made for an added dependency that nobody approved', () => {
    expect(() => wheelRespinProvenance('farm', { ...origin, approvals: [] })).toThrow(/approval/);
  });
});
