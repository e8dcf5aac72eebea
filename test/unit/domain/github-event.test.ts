import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { mayCommand, readCommand, readEvent } from '../../../orchestrator/domain/github-event.ts';

/** GitHub's own recorded deliveries. */
const recorded = JSON.parse(readFileSync(createRequire(import.meta.url).resolve('@octokit/webhooks-examples/api.github.com/index.json'), 'utf8')) as { name: string; examples: Record<string, unknown>[] }[];
const examples = (name: string): Record<string, unknown>[] => recorded.find((one) => one.name === name)?.examples ?? [];

describe('recorded deliveries of GitHub', () => {
  it('are all read without a fault', () => {
    const kinds = recorded.flatMap(({ name, examples: all }) => all.map((one) => readEvent(name, one).kind));
    expect(kinds.length).toBeGreaterThan(150);
    expect(new Set(kinds)).toEqual(new Set(['tag', 'installation', 'moved', 'comment', 'nothing']));
  });

  it('a pushed tag, and not a branch or a deletion', () => {
    const [made, ...others] = examples('push').map((one) => readEvent('push', one));
    expect(made).toEqual({ kind: 'tag', githubId: 186853002, fullName: 'Codertocat/Hello-World', tag: 'simple-tag', commit: '6113728f27ae82c7b1a177c8d03f9e96e0adf246', why: 'push' });
    expect(others.map(({ kind }) => kind)).toEqual(others.map(() => 'nothing'));
  });

  it('a published release, and no draft', () => {
    const kinds = examples('release').map((one) => [one['action'], readEvent('release', one).kind]);
    expect(kinds.filter(([, kind]) => kind === 'tag').map(([action]) => action)).toEqual(kinds.filter(([action]) => action === 'published').map(([action]) => action));
    expect(kinds.some(([, kind]) => kind === 'tag')).toBe(true);
  });

  it('an installation with its repositories', () => {
    const read = examples('installation_repositories').map((one) => readEvent('installation_repositories', one));
    expect(read.every(({ kind }) => kind === 'installation')).toBe(true);
    expect(read.some((one) => one.kind === 'installation' && one.repositories.length > 0)).toBe(true);
  });

  it('a renamed and a deleted repository', () => {
    const kinds = examples('repository').map((one) => [String(one['action']), readEvent('repository', one).kind]);
    expect(kinds).toEqual(expect.arrayContaining([['renamed', 'moved']]));
    // None is recorded; the shape is that of every other action.
    expect(readEvent('repository', { ...examples('repository')[0], action: 'deleted' }).kind).toBe('vanished');
  });
});

describe('payloads of strangers', () => {
  const repository = { id: 1, full_name: 'a/b' };
  it.each([
    ['push', { repository, ref: 'refs/tags/--upload-pack=x', after: 'a'.repeat(40) }],
    ['push', { repository, ref: 'refs/tags/a\u0000b', after: 'a'.repeat(40) }],
    ['push', { repository: { id: 1, full_name: '../../etc' }, ref: 'refs/tags/v1' }],
    ['push', { repository: { id: '1', full_name: 'a/b' }, ref: 'refs/tags/v1' }],
    ['push', null], ['push', []], ['push', 'x'], ['release', { repository, action: 'published', release: null }],
    ['issue_comment', { repository, action: 'created', comment: {}, issue: {} }], ['installation', {}],
  ])('%s %j asks for nothing', (event, payload) => {
    expect(readEvent(event, payload).kind).toBe('nothing');
  });
});

describe('comment commands', () => {
  it('reads one', () => {
    expect(readCommand('thanks!\n/wheels rebuild cp313-* cp311-manylinux_x86_64\n')).toEqual({ command: 'rebuild', globs: ['cp313-*', 'cp311-manylinux_x86_64'], version: null });
    expect(readCommand('/wheels rebuild v1.2rc1 cp313-*')).toEqual({ command: 'rebuild', globs: ['cp313-*'], version: '1.2rc1' });
    expect(readCommand('/wheels rebuild')).toEqual({ command: 'rebuild', globs: [], version: null });
  });
  it.each(['wheels rebuild x', '/wheels', '/wheels remove x', '/wheels rebuild $(id)', '/wheels rebuild a;b', '> /wheels rebuild x'])('not %j', (body) => {
    expect(readCommand(body)).toBeNull();
  });
  it('of those who may', () => {
    expect(['OWNER', 'MEMBER', 'COLLABORATOR', 'CONTRIBUTOR', 'FIRST_TIMER', 'NONE', ''].filter(mayCommand)).toEqual(['OWNER', 'MEMBER', 'COLLABORATOR']);
  });
});
