/** Names of git repositories and of what is built from them: parsed once, at the door. */
import { err, ok, type Result } from './result.ts';
import { compareVersions, parseVersion, type Version } from './version.ts';

/** What `owner/repo[@ref][#subdir]` or a git address says. */
export interface GitWhat {
  /** Where it is cloned from, without user, password, `.git` at the end, or a slash there. */
  readonly url: string;
  /** `owner/repo` where the address is of the GitHub that this farm knows; else null. */
  readonly fullName: string | null;
  /** A tag, a branch or a commit; null for the default branch. */
  readonly ref: string | null;
  /** Folder of the project in the repository; empty for its root. */
  readonly subdirectory: string;
}

export interface GitWhatError { readonly code: 'FARM_REPOSITORY_ADDRESS'; readonly what: string; readonly why: string }

const ownerPattern = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})$/;
const repositoryPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
const commitPattern = /^[0-9a-f]{40}$/;

/** Whether a text is a whole commit id. */
export const isCommit = (text: string): boolean => commitPattern.test(text);

/** Whether a text looks like `owner/repo…` or a git address; a path that exists is asked for before this. */
export function looksLikeGit(text: string): boolean {
  if (/^(git\+)?https?:\/\//.test(text) || /^(ssh:\/\/)?git@[\w.-]+[:/]/.test(text)) return true;
  const [owner = '', rest = ''] = text.split(/\/(.*)/s);
  return ownerPattern.test(owner) && /^[A-Za-z0-9._-]+(?:[@#].*)?$/s.test(rest);
}

/**
 * Reads `owner/repo[@ref][#subdir]`, or a git address with the same ends.
 * @shape base address of the farm's GitHub, no slash at the end: `https://github.com`
 * @errors FARM_REPOSITORY_ADDRESS with what is wrong
 */
export function parseGitWhat(text: string, base: string): Result<GitWhat, GitWhatError> {
  const wrong = (why: string): Result<GitWhat, GitWhatError> => err({ code: 'FARM_REPOSITORY_ADDRESS', what: text.slice(0, 200), why });
  const [body = '', fragment = ''] = text.trim().split(/#(.*)/s);
  const subdirectory = subdirectoryOf(fragment);
  if (subdirectory === null) return wrong('the folder after # leaves the repository');
  const at = refStart(body);
  const ref = at < 0 ? null : body.slice(at + 1);
  if (ref !== null && !isRef(ref)) return wrong('what stands after @ can be no tag, branch or commit');
  const address = addressOf(at < 0 ? body : body.slice(0, at), base);
  if (typeof address === 'string') return wrong(address);
  return ok({ ...address, ref, subdirectory });
}

/** Where the `@` of a ref stands: after the last slash of the path, so that `git@host` is none. */
function refStart(body: string): number {
  const scheme = body.indexOf('://');
  const scp = scheme < 0 ? /^git@[\w.-]+:/.exec(body)?.[0].length ?? 0 : 0;
  const path = scheme < 0 ? scp : body.indexOf('/', scheme + 3);
  return path < 0 ? -1 : body.indexOf('@', path);
}

function addressOf(body: string, base: string): { readonly url: string; readonly fullName: string | null } | string {
  const text = body.replace(/^git\+/, '').replace(/^(?:ssh:\/\/)?git@([\w.-]+)[:/]/, 'https://$1/').replace(/\/+$/, '').replace(/\.git$/, '');
  const address = /^https?:\/\//.test(text) ? text : `${base}/${text}`;
  const parsed = /^(https?):\/\/([^/?#\s]+)((?:\/[^/?#\s]+)+)$/.exec(address);
  const [, scheme = '', host = '', path = ''] = parsed ?? [];
  if (!parsed || /[\p{Cc}\s\\]/u.test(address)) return 'it is neither owner/repo nor an http address of a repository';
  if (host.includes('@')) return 'it holds a user or a password; an address is recorded and shown';
  if (path.split('/').includes('..')) return 'its path climbs';
  const ours = `${scheme}://${host.toLowerCase()}` === base.toLowerCase();
  if (scheme === 'http' && !ours) return 'it is not encrypted; use https';
  const [owner = '', name = '', ...more] = path.slice(1).split('/');
  if (!ours) return { url: `${scheme}://${host.toLowerCase()}${path}`, fullName: null };
  if (more.length > 0 || !ownerPattern.test(owner) || !repositoryPattern.test(name)) return `it is no owner/repo of ${base}`;
  return { url: `${base}/${owner}/${name}`, fullName: `${owner}/${name}` };
}

/** `subdir`, or pip's `subdirectory=subdir`; null where it leaves the repository. */
function subdirectoryOf(fragment: string): string | null {
  const named = /(?:^|&)subdirectory=([^&]*)/.exec(fragment)?.[1];
  const text = (named ?? (/^[\w-]+=/.test(fragment) ? '' : fragment)).replace(/\/+$/, '');
  return text === '' || isSubdirectory(text) ? text : null;
}

/** A folder inside a repository: no climbing, no `.git`, nothing that git or a shell would read as something else. */
export function isSubdirectory(text: string): boolean {
  return text.length <= 400 && text.split('/').every((part) => /^(?!\.{1,2}$)(?!-)[^\p{Cc}\\:*?"<>|]+$/u.test(part) && part.toLowerCase() !== '.git');
}

/** Whether a text may name a tag, a branch or a commit. @source git check-ref-format; a leading `-` would be an option */
export function isRef(text: string): boolean {
  return text.length > 0 && text.length <= 250 && !/[\p{Cc}\s~^:?*[\\]|\.\.|@\{|\/\/|\.lock(?:\/|$)/u.test(text)
    && !/^[-/.]|[/.]$/.test(text) && text !== '@';
}

/**
 * The version that a tag names: `v1.2`, `1.2`, `release-1.2`, `name-1.2`, `name/v1.2`, `name@1.2`, `rel_1_2`; null for
 * a tag that names none, and for one of another project of the same repository.
 * @shape names how the tag may call the project: its name and its folder
 */
export function tagVersion(tag: string, names: readonly string[] = []): Version | null {
  const { prefix, text } = splitTag(tag);
  if (text === null) return null;
  const parsed = parseVersion(text);
  if (!parsed.ok) return null;
  const called = fold(prefix);
  if (['', 'v', 'r', 'ver', 'version', 'release', 'rel', 'releases'].includes(called)) return parsed.value;
  return names.some((name) => fold(name) === called || fold(name.split('/').at(-1) ?? '') === called) ? parsed.value : null;
}

/** Whether a tag names a version of some project, whichever that is. */
export const isVersionTag = (tag: string): boolean => {
  const { text } = splitTag(tag);
  return text !== null && parseVersion(text).ok;
};

function splitTag(tag: string): { readonly prefix: string; readonly text: string | null } {
  const found = /^(?:(.*?)[-_/@=]+)?v?(\d[0-9A-Za-z.!+_-]*)$/i.exec(tag);
  if (!found) return { prefix: '', text: null };
  const [, prefix = '', text = ''] = found;
  // `rel_1_2_3` and `1_2`: dots were not wanted in a tag.
  return { prefix, text: /^\d+(?:_\d+)+$/.test(text) ? text.replaceAll('_', '.') : text };
}

const fold = (text: string): string => text.toLowerCase().replace(/[-_.]+/g, '-').replace(/^-|-$/g, '');

/**
 * The tags that a poll looks at: those that name versions, the newest first, so that a repository with a million tags
 * costs as little as one with ten.
 */
export function newestTags(tags: readonly string[], max: number): readonly string[] {
  return tags.flatMap((tag) => {
    const { text } = splitTag(tag);
    const parsed = text === null ? null : parseVersion(text);
    return parsed?.ok ? [{ tag, version: parsed.value }] : [];
  }).sort((a, b) => compareVersions(b.version, a.version) || (a.tag < b.tag ? -1 : 1)).slice(0, max).map(({ tag }) => tag);
}
