/**
 * What a fetch box takes from its host so that pip in it reaches what pip on the host reaches: index addresses, proxies
 * and certificates. Read once when a worker starts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface HostNetwork {
  /** Environment of fetch boxes: `PIP_INDEX_URL` and friends, proxies. */
  readonly environment: Readonly<Record<string, string>>;
  /** The host's certificates as one file; null where none is found. */
  readonly caBundlePath: string | null;
  readonly mode: 'bridge' | 'host';
}

/** Where Linux distributions keep the certificates as one file. */
const caBundles = [
  '/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** pip settings that mean the same in a box. `find-links` and `cert` name files of the host and do not. */
const pipSettings = new Set([
  'index-url', 'extra-index-url', 'trusted-host', 'proxy', 'default-timeout', 'timeout', 'retries',
]);
const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

/**
 * Environment variables from `pip config list`: lines `global.index-url='…'`, `install.…`, `:env:.…`; the environment
 * wins over files, as pip has it.
 * @shape several values of one setting stay separated by blanks
 */
export function pipEnvironment(listed: string): Record<string, string> {
  const ranked: Record<string, { rank: number; value: string }> = {};
  for (const line of listed.split('\n')) {
    const found = /^(:env:|[\w-]+)\.([\w-]+)=(['"])(.*)\3$/.exec(line.trim());
    if (!found || !pipSettings.has(found[2]!)) continue;
    const rank = found[1] === ':env:' ? 2 : found[1] === 'global' ? 0 : 1;
    const name = `PIP_${found[2]!.toUpperCase().replaceAll('-', '_')}`;
    const value = found[4]!.replaceAll('\\n', ' ').trim();
    if ((ranked[name]?.rank ?? -1) <= rank) ranked[name] = { rank, value };
  }
  return Object.fromEntries(Object.entries(ranked).map(([name, { value }]) => [name, value]));
}

/** A proxy on the host's own loopback is out of reach of a bridge. */
export function networkMode(environment: Readonly<Record<string, string>>): 'bridge' | 'host' {
  const addresses = Object.entries(environment).filter(([name]) => !/no_proxy/i.test(name)).map(([, value]) => value);
  return addresses.some((value) => /\/\/([^@/]*@)?(localhost|127\.|\[::1\])/.test(value)) ? 'host' : 'bridge';
}

/**
 * Reads the host's settings. A host without pip gives its proxies and certificates only. FARM_UPSTREAM is the one index
 * of a farm that has it: requirements come from where its sdists come from.
 */
export async function readHostNetwork(
  environment: Readonly<Record<string, string | undefined>>, mode?: 'bridge' | 'host',
): Promise<HostNetwork> {
  const listed = await new Promise<string>((resolve) => {
    execFile('python3', ['-m', 'pip', 'config', 'list'], { timeout: 20_000, env: { ...environment } },
      (error, stdout) => resolve(error ? '' : stdout));
  });
  const proxies: Record<string, string> = {};
  for (const name of proxyNames) if (environment[name]) proxies[name] = environment[name];
  const made: Record<string, string> = { ...proxies, ...pipEnvironment(listed) };
  if (environment['FARM_UPSTREAM']) {
    made['PIP_INDEX_URL'] = environment['FARM_UPSTREAM'];
    delete made['PIP_EXTRA_INDEX_URL'];
  }
  const caBundlePath = [environment['SSL_CERT_FILE'], ...caBundles].find((path) => path && existsSync(path));
  return { environment: made, caBundlePath: caBundlePath ?? null, mode: mode ?? networkMode(made) };
}
