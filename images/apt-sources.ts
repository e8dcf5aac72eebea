/** Finds Debian archives in apt's configuration and writes the source lists of a root. Pure. */

export interface Archive { readonly uri: string; readonly suites: readonly string[] }

/** Reads one-line and deb822 source files; entries that are not `deb` are left out. */
export function parseSources(text: string): Archive[] {
  const found: Archive[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line);
    if (match) found.push({ uri: match[1]!, suites: [match[2]!] });
  }
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string): string[] =>
      new RegExp(`^${name}:[ \\t]*(.+(?:\\n[ \\t].+)*)`, 'im').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    if (!field('Types').includes('deb') || field('Enabled')[0] === 'no') continue;
    for (const uri of field('URIs')) found.push({ uri, suites: field('Suites') });
  }
  return found;
}

const releases = /^(?:bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)$/;

/** Suites that have no update suites of their own. */
const unreleased = /^(?:forky|sid|testing|unstable)$/;

/** The main and the security archive among apt's sources; undefined where apt knows no Debian. */
export function debianArchives(archives: readonly Archive[]): { main: string; security?: string } | undefined {
  const main = archives.find((archive) => archive.suites.some((suite) => releases.test(suite)));
  if (!main) return undefined;
  const security = archives.find((archive) => archive.suites.some((suite) => suite.endsWith('-security')));
  return { main: main.uri, ...(security ? { security: security.uri } : {}) };
}

/**
 * The source lists to try, the fullest first: updates for all architectures, updates for the root's own
 * architecture only, the release alone. A mirror may lag behind for one architecture; signatures are always checked.
 * A suite that is not released says until when its index holds: one that has run out is taken last, and it is said.
 * @param withSource names the release's source packages too
 */
export function sourceLists(
  archives: { main: string; security?: string }, suite: string, own: string, keyring: string, withSource = false,
): string[] {
  const entry = (uri: string, name: string, architecture?: string, late = ''): string =>
    `deb [signed-by=${keyring}${late}${architecture ? ` arch=${architecture}` : ''}] ${uri} ${name} main\n`;
  const updates = (architecture?: string): string => entry(archives.main, `${suite}-updates`, architecture)
    + (archives.security ? entry(archives.security, `${suite}-security`, architecture) : '');
  const source = (late = ''): string => (withSource ? `deb-src [signed-by=${keyring}${late}] ${archives.main} ${suite} main\n` : '');
  const release = entry(archives.main, suite) + source();
  if (unreleased.test(suite)) {
    const late = ' check-valid-until=no';
    return [release, entry(archives.main, suite, undefined, late) + source(late)];
  }
  return [release + updates(), release + updates(own), release];
}

/** What a record may say of a source list: suites and architectures, no addresses. */
export const suitesOf = (list: string): string[] =>
  [...list.matchAll(/^deb \[[^\]]*?( check-valid-until=no)?(?: arch=(\S+))?\] \S+ (\S+)/gm)]
    .map(([, late, arch, suite]) => suite! + (arch ? ` (${arch})` : '') + (late ? ' (though its index has run out)' : ''));
