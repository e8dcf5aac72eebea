import { describe, expect, it } from 'vitest';
import { chooseFiles, mayImport } from '../../../orchestrator/domain/import.ts';
import { misfit } from '../../../orchestrator/domain/publisher.ts';
import { parseVersion } from '../../../orchestrator/domain/version.ts';

const limits = { filesMax: 4, bytesMax: 1_000 };
const file = (filename: string, bytes = 1) => ({ filename, bytes, sha256: 'a'.repeat(64) });
const version = (text: string) => {
  const parsed = parseVersion(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const choose = (names: readonly ReturnType<typeof file>[], wanted = '1.0') => chooseFiles({ name: 'some-name', files: names }, version(wanted), limits);

describe('chooseFiles', () => {
  it('takes all wheels and the sdist of one version, whatever their spelling, and names what it leaves out', () => {
    const chosen = choose([
      file('Some.Name-1.0.tar.gz'), file('some_name-1.0.0-py3-none-any.whl'), file('some_name-1.1-py3-none-any.whl'),
      file('some_name-1.0-py2.7.egg'), file('some_name-1.0.win32.exe'), file('other-1.0.tar.gz'),
    ]);
    expect(chosen.ok && chosen.value.files.map(({ filename, kind }) => [filename, kind])).toEqual([
      ['Some.Name-1.0.tar.gz', 'sdist'], ['some_name-1.0.0-py3-none-any.whl', 'wheel']]);
    expect(chosen.ok && chosen.value.leftOut).toEqual(['some_name-1.0-py2.7.egg', 'some_name-1.0.win32.exe']);
  });

  it.each([
    ['FARM_VERSION_UNKNOWN', [file('some_name-1.1-py3-none-any.whl')]],
    ['FARM_IMPORT_EMPTY', [file('some_name-1.0-py2.7.egg')]],
    ['FARM_TOO_LARGE', [file('some_name-1.0-py3-none-any.whl', 1_001)]],
    ['FARM_TOO_LARGE', ['a', 'b', 'c', 'd', 'e'].map((tag) => file(`some_name-1.0-py3-none-${tag}.whl`))],
  ])('refuses with %s', (code, files) => {
    const chosen = choose(files);
    expect(chosen.ok ? 'taken' : chosen.error.code).toBe(code);
  });
});

describe('mayImport', () => {
  const free = { held: false, ownSource: false, fromUpstream: false, builtFile: null };
  it.each([
    [free, 'taken'],
    [{ ...free, held: true, fromUpstream: true }, 'taken'],
    [{ ...free, held: true }, 'FARM_IMPORT_HELD'],
    [{ ...free, held: true, fromUpstream: true, ownSource: true }, 'FARM_IMPORT_HELD'],
    [{ ...free, held: true, fromUpstream: true, builtFile: 'a.whl' }, 'FARM_IMPORT_BUILT'],
  ])('%j: %s', (state, answer) => {
    const judged = mayImport('a', '1', state);
    expect(judged.ok ? 'taken' : judged.error.code).toBe(answer);
  });
});

describe('misfit', () => {
  const extensions: Record<number, string> = {
    8: 'https://token.actions.githubusercontent.com', 12: 'https://github.com/pallets/markupsafe',
    18: 'https://github.com/pallets/markupsafe/.github/workflows/publish.yaml@refs/tags/3.0.2',
  };
  const certificate = { subject: 'somebody', issuer: 'some issuer', extension: (number: number) => extensions[number] ?? null };
  const publisher = { kind: 'GitHub', repository: 'pallets/markupsafe', workflow: 'publish.yaml' };

  it('takes the certificate of the publisher, and of nobody else', () => {
    expect(misfit(publisher, certificate)).toBeNull();
    for (const other of [
      { ...publisher, repository: 'pallets/other' }, { ...publisher, workflow: 'other.yaml' }, { ...publisher, workflow: 'publish.yam' },
      { kind: 'GitHub' }, { ...publisher, kind: 'GitLab' }, { kind: 'Google', email: 'somebody' }, { kind: 'farm', identity: 'somebody' },
    ]) expect(misfit(other, certificate), JSON.stringify(other)).toMatchObject({ unknown: false });
    expect(misfit({ kind: 'farm', identity: 'somebody', issuer: 'some issuer' }, certificate)).toBeNull();
    expect(misfit({ kind: 'Else' }, certificate)).toMatchObject({ unknown: true });
  });
});
