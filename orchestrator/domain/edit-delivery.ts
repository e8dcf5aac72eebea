/** Names under which an edit is delivered. */
import { parseWheelFilename } from './filename.ts';
import { compareVersions, parseVersion } from './version.ts';

/** How an edit reaches users: same version with a build tag, or a post-release. */
export type EditDelivery =
  | { readonly mode: 'respin'; readonly buildTag: number }
  | { readonly mode: 'post'; readonly version: string };

/**
 * One build tag for all wheels of a release, above every one that was ever used. Integers only: `10a` sorts above 10 and
 * below 11.
 * @source STANDARDS 4.1 and 5.4, binary distribution format
 */
export function nextBuildTag(filenames: readonly string[]): number {
  const used = filenames.map((filename) => {
    const parsed = parseWheelFilename(filename);
    return parsed.ok ? (parsed.value.build?.number ?? 0) : 0;
  });
  return Math.max(0, ...used) + 1;
}

/**
 * The next post-release of a version: `1.0` and `1.0.post1` both go to the next free number. Null where there can be none:
 * development releases and local versions.
 * @shape existing: every version of the project, also yanked ones
 * @source PEP 440
 */
export function nextPost(version: string, existing: readonly string[]): string | null {
  const parsed = parseVersion(version);
  if (!parsed.ok || parsed.value.dev !== null || parsed.value.local !== null) return null;
  const base = parsed.value.text.replace(/\.post\d+$/, '');
  const baseVersion = parseVersion(base);
  const posts = [version, ...existing].map((text) => {
    const one = parseVersion(text);
    if (!one.ok || !baseVersion.ok || one.value.local !== null) return 0;
    const bare = { ...one.value, post: null, dev: null };
    return compareVersions(bare, baseVersion.value) === 0 ? (one.value.post ?? 0) : 0;
  });
  return `${base}.post${Math.max(0, ...posts) + 1}`;
}

/** The filename with this build tag; every other part keeps its spelling. @shape filename: one that parses */
export function respinFilename(filename: string, buildTag: number): string {
  const parts = filename.split('-');
  const parsed = parseWheelFilename(filename);
  parts.splice(2, parsed.ok && parsed.value.build !== null ? 1 : 0, String(buildTag));
  return parts.join('-');
}

/** The filename with this version and without a build tag. @shape filename: one that parses */
export function postFilename(filename: string, version: string): string {
  const parts = filename.split('-');
  const parsed = parseWheelFilename(filename);
  const build = parsed.ok && parsed.value.build !== null ? 1 : 0;
  parts.splice(1, 1 + build, version.replaceAll('-', '_'));
  return parts.join('-');
}
