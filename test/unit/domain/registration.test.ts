import { describe, expect, it } from 'vitest';
import { proveName, readinessOf, repositoryOf, type NameHolder } from '../../../orchestrator/domain/registration.ts';

const github = 'https://github.com';
const claim = (holder: NameHolder | null, approval: { by: string; why: string } | null = null, fullName = 'pallets/markupsafe') =>
  proveName({ project: 'markupsafe', fullName, githubUrl: github, holder, approval, by: 'ann', at: '2026-11-21T00:00:00Z' });
const holder = (publishers: string[], urls: string[]): NameHolder => ({ version: '3.0.2', publishers, urls });

describe('who may register a name', () => {
  it('anybody where no index has it', () => {
    expect(claim(null)).toMatchObject({ kind: 'free' });
  });
  it('the repository that published it, and not one that its metadata names beside', () => {
    expect(claim(holder(['Pallets/MarkupSafe'], []))).toMatchObject({ kind: 'publisher' });
    expect(claim(holder(['other/repo'], ['https://github.com/pallets/markupsafe']))).toMatchObject({ code: 'FARM_NAME_HELD' });
  });
  it('the repository that its owner names', () => {
    expect(claim(holder([], ['https://example.org', 'https://github.com/pallets/markupsafe/issues']))).toMatchObject({ kind: 'project-url' });
  });
  it('no fork: the name is held by its owner', () => {
    const refused = claim(holder(['pallets/markupsafe'], []), null, 'mallory/markupsafe');
    expect(refused).toMatchObject({ code: 'FARM_NAME_HELD', message: 'The name markupsafe is held by pallets/markupsafe; mallory/markupsafe cannot register it.' });
    expect(claim(holder([], ['https://github.com/pallets/markupsafe']), null, 'mallory/markupsafe')).toMatchObject({ message: expect.stringContaining('held by pallets/markupsafe') as string });
    expect(claim(holder([], []), null, 'mallory/markupsafe')).toMatchObject({ message: expect.stringContaining('held by somebody') as string });
  });
  it('whom an admin approves, on record', () => {
    expect(claim(holder([], []), { by: 'root', why: 'asked the owner' })).toEqual({ kind: 'approval', evidence: 'asked the owner', by: 'root', at: '2026-11-21T00:00:00Z' });
  });
});

describe('the repository of an address', () => {
  it.each([
    ['https://github.com/a/b', 'a/b'], ['http://www.github.com/a/b.git', 'a/b'], ['https://GitHub.com/a/b/tree/main#x', 'a/b'], ['git+https://github.com/a/b', 'a/b'],
  ])('%s', (address, expected) => expect(repositoryOf(address, github)).toBe(expected));
  it.each(['https://github.com.evil.example/a/b', 'https://evil.example/github.com/a/b', 'https://github.com/a', 'https://github.com@evil.example/a/b', 'ftp://github.com/a/b'])(
    '%s is of no repository there', (address) => expect(repositoryOf(address, github)).toBeNull());
});

describe('the readiness report', () => {
  const ready = {
    name: 'x', hasPyproject: true, hasSetupPy: false, buildBackend: 'hatchling.build', dynamicVersion: false, requiresPython: '>=3.9', hasCibuildwheel: true,
    unsupported: [], versionTags: 3, tagsRead: 3, moreTags: false, archived: false, private: false, sdistUpstream: true,
  };
  it('is all good where nothing is missing', () => {
    expect(readinessOf(ready).map(({ level }) => level)).toEqual(['good', 'good', 'good', 'good']);
  });
  it('says how to mend each thing', () => {
    const poor = readinessOf({ ...ready, name: null, hasPyproject: false, buildBackend: null, requiresPython: null, hasCibuildwheel: false, versionTags: 0, moreTags: true, archived: true, sdistUpstream: false });
    expect(poor.filter(({ level }) => level === 'bad').length).toBe(2);
    expect(poor.every(({ level, fix }) => level === 'good' || fix !== '')).toBe(true);
  });
});
