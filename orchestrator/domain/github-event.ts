/** GitHub's webhook payloads as the few things that this farm acts on. Pure; every payload is a stranger's text. */
import { isCommit, isRef } from './repository.ts';

/** What an event asks for. `githubId` knows a repository through renames. */
export type GithubEvent =
  | { readonly kind: 'tag'; readonly githubId: number; readonly fullName: string; readonly tag: string; readonly commit: string | null; readonly why: 'push' | 'release' | 'create' }
  | { readonly kind: 'installation'; readonly installationId: number; readonly removed: boolean; readonly repositories: readonly { readonly githubId: number; readonly fullName: string }[] }
  | { readonly kind: 'moved'; readonly githubId: number; readonly fullName: string }
  | { readonly kind: 'vanished'; readonly githubId: number; readonly fullName: string }
  | { readonly kind: 'comment'; readonly githubId: number; readonly fullName: string; readonly issue: number; readonly login: string; readonly association: string; readonly body: string }
  | { readonly kind: 'nothing'; readonly why: string };

type Shape = Readonly<Record<string, unknown>>;
const isShape = (value: unknown): value is Shape => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const nothing = (why: string): GithubEvent => ({ kind: 'nothing', why });
const zeros = '0'.repeat(40);
const repositoriesMax = 1_000;

/**
 * Reads an event.
 * @shape event the header X-GitHub-Event; payload the parsed body
 * @source GitHub's documentation of webhook events and payloads; examples of @octokit/webhooks-examples
 */
export function readEvent(event: string, payload: unknown): GithubEvent {
  if (!isShape(payload)) return nothing('the payload is no object');
  if (event === 'ping') return nothing('pong');
  if (event === 'installation' || event === 'installation_repositories') return installation(payload);
  const repository = repositoryIn(payload['repository']);
  if (!repository) return nothing(`${event} names no repository`);
  switch (event) {
    case 'push': return pushed(repository, payload);
    case 'create': return payload['ref_type'] === 'tag' ? tagged(repository, text(payload['ref']), null, 'create') : nothing('a branch was made');
    case 'release': return released(repository, payload);
    case 'repository': return changed(repository, text(payload['action']));
    case 'issue_comment': return commented(repository, payload);
    default: return nothing(`${event} is of no interest`);
  }
}

interface Named { readonly githubId: number; readonly fullName: string }

function repositoryIn(value: unknown): Named | null {
  if (!isShape(value) || !Number.isSafeInteger(value['id'])) return null;
  const fullName = text(value['full_name']);
  return /^[\w.-]{1,100}\/[\w.-]{1,100}$/.test(fullName) ? { githubId: value['id'] as number, fullName } : null;
}

function tagged(repository: Named, tag: string, commit: string | null, why: 'push' | 'release' | 'create'): GithubEvent {
  return isRef(tag) ? { kind: 'tag', ...repository, tag, commit, why } : nothing('the name of the tag is none');
}

function pushed(repository: Named, payload: Shape): GithubEvent {
  const ref = text(payload['ref']);
  if (!ref.startsWith('refs/tags/')) return nothing('no tag was pushed');
  const after = text(payload['after']);
  if (payload['deleted'] === true || after === zeros) return nothing('a tag was deleted; what was released stays');
  // `after` of an annotated tag is the tag itself; the commit that it names stands in `head_commit`.
  const head = isShape(payload['head_commit']) ? text(payload['head_commit']['id']) : '';
  const commit = [head, after].find(isCommit) ?? null;
  return tagged(repository, ref.slice('refs/tags/'.length), commit, 'push');
}

function released(repository: Named, payload: Shape): GithubEvent {
  const action = text(payload['action']);
  if (action !== 'published') return nothing(`a release was ${action || 'changed'}`);
  return isShape(payload['release']) ? tagged(repository, text(payload['release']['tag_name']), null, 'release') : nothing('it names no release');
}

function changed(repository: Named, action: string): GithubEvent {
  if (action === 'renamed' || action === 'transferred') return { kind: 'moved', ...repository };
  if (action === 'deleted') return { kind: 'vanished', ...repository };
  return nothing(`the repository was ${action || 'changed'}`);
}

function commented(repository: Named, payload: Shape): GithubEvent {
  const { comment, issue } = payload;
  if (payload['action'] !== 'created' || !isShape(comment) || !isShape(issue)) return nothing('no new comment');
  const login = isShape(comment['user']) ? text(comment['user']['login']) : '';
  const number = issue['number'];
  if (!Number.isSafeInteger(number) || login === '') return nothing('no comment of a person');
  return { kind: 'comment', ...repository, issue: number as number, login, association: text(comment['author_association']), body: text(comment['body']).slice(0, 4_000) };
}

function installation(payload: Shape): GithubEvent {
  const id = isShape(payload['installation']) ? payload['installation']['id'] : null;
  if (!Number.isSafeInteger(id)) return nothing('it names no installation');
  const action = text(payload['action']);
  const removed = ['deleted', 'suspend', 'removed'].includes(action);
  const listed = payload[action === 'added' ? 'repositories_added' : action === 'removed' ? 'repositories_removed' : 'repositories'];
  const repositories = (Array.isArray(listed) ? listed : []).slice(0, repositoriesMax).flatMap((one) => repositoryIn(one) ?? []);
  return { kind: 'installation', installationId: id as number, removed, repositories };
}

/** A command in a comment: `/wheels rebuild cp313-*`. */
export interface CommentCommand { readonly command: 'rebuild'; readonly globs: readonly string[]; readonly version: string | null }

const globPattern = /^[A-Za-z0-9_*?{},.-]{1,80}$/;

/** Reads the first command of a comment; null where there is none. A version may stand first: `/wheels rebuild 1.2 cp313-*`. */
export function readCommand(body: string): CommentCommand | null {
  const line = body.split(/\r?\n/).find((one) => /^\/wheels\s/.test(one));
  const [, word, ...rest] = line?.trim().split(/\s+/) ?? [];
  if (word !== 'rebuild' || rest.length > 20 || !rest.every((one) => globPattern.test(one))) return null;
  const [first = ''] = rest;
  const hasVersion = /^v?\d[\d.]*([abc]|rc|\.post|\.dev)?\d*$/.test(first);
  return { command: 'rebuild', globs: hasVersion ? rest.slice(1) : rest, version: hasVersion ? first.replace(/^v/, '') : null };
}

/** Associations that may ask for more work. @source GitHub, CommentAuthorAssociation; CONTRIBUTOR is anybody with one merged change */
export const mayCommand = (association: string): boolean => ['OWNER', 'MEMBER', 'COLLABORATOR'].includes(association);
