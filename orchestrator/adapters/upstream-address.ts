import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { fail } from '../domain/failure.ts';

/** Where the upstream index is, as the clients on this machine are set to use it. */
export interface UpstreamAddress {
  /** Base of the simple index, ends in `/`; may hold credentials. */
  readonly url: string;
  /** Path of a CA bundle that pip is told to use, or null. */
  readonly certificates: string | null;
  /** Who said so. */
  readonly from: 'setting' | 'pip on this machine' | 'pip in an image';
}

export interface AddressParts {
  /** FARM_UPSTREAM; null or empty where it is not set. */
  readonly setting: string | null;
  /** `<FARM_HOME>`: the answer is kept in `upstream.json` there. */
  readonly home: string;
  /** Where this farm answers: an index that is the farm itself would wait for itself. */
  readonly own: string;
  /** The environment: variables that pip reads decide whether the kept answer still holds. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** pip's options after its files, variables and defaults were merged, by pip itself. */
const askPip = `
from pip._internal.commands import create_command
options, _ = create_command('install').parse_args([])
print(options.index_url)
print(options.cert or '')
`;
/** Where the farm's cross images keep their pip. @source images/cross-debian/finish.py */
const imagePython = '/opt/wheelfarm/venv/bin/python';
const askMsMax = 30_000;
const execute = promisify(execFile);

/**
 * Finds the upstream index: the farm's setting, else what pip on this machine would use, else what pip in one of the
 * farm's own images would use. Asking pip takes half a second, so the answer is kept as long as pip's settings are.
 * @errors FARM_UPSTREAM_UNREACHABLE where nobody knows an index, or the index is this farm's own
 */
export async function upstreamAddress(parts: AddressParts): Promise<UpstreamAddress> {
  const found = await findAddress(parts);
  if (!isSamePlace(found.url, parts.own)) return found;
  const why = `${found.from === 'setting' ? 'FARM_UPSTREAM' : found.from} names this farm's own index; set FARM_UPSTREAM to another one`;
  return fail('FARM_UPSTREAM_UNREACHABLE', 'plan', { why });
}

/** Whether two addresses are one server; every name of this machine's loopback is the same. */
function isSamePlace(left: string, right: string): boolean {
  const [a, b] = [new URL(left), new URL(right)];
  const host = ({ hostname }: URL): string => (/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname) ? 'loopback' : hostname);
  return a.protocol === b.protocol && a.port === b.port && host(a) === host(b);
}

async function findAddress(parts: AddressParts): Promise<UpstreamAddress> {
  if (parts.setting) return { url: slashed(parts.setting), certificates: null, from: 'setting' };
  const key = await settingsKey(parts.env);
  const file = join(parts.home, 'upstream.json');
  const kept = await readFile(file, 'utf8').then((text) => JSON.parse(text) as UpstreamAddress & { key: string })
    .catch(() => null);
  if (kept?.key === key) return { url: kept.url, certificates: kept.certificates, from: kept.from };
  const found = await pipHere() ?? await pipInImage();
  if (found === null) {
    return fail('FARM_UPSTREAM_UNREACHABLE', 'plan', { why: 'neither FARM_UPSTREAM nor a pip says where it is' });
  }
  await mkdir(parts.home, { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify({ ...found, key }), { mode: 0o600 });   // may hold credentials
  await rename(`${file}.new`, file);
  return found;
}

const slashed = (url: string): string => (url.endsWith('/') ? url : `${url}/`);

/** Changes whenever a variable or file that pip reads changes. */
async function settingsKey(env: AddressParts['env']): Promise<string> {
  const variables = Object.entries(env).filter(([name]) => name.startsWith('PIP_') || name === 'PATH').sort();
  const files = [
    env['PIP_CONFIG_FILE'], '/etc/pip.conf', join(homedir(), '.pip/pip.conf'), join(homedir(), '.config/pip/pip.conf'),
    env['XDG_CONFIG_HOME'] && join(env['XDG_CONFIG_HOME'], 'pip/pip.conf'),
  ].filter((path): path is string => path !== undefined && path !== '');
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')));
  return createHash('sha256').update(JSON.stringify([variables, files, texts])).digest('hex');
}

async function pipHere(): Promise<UpstreamAddress | null> {
  const answer = await execute('python3', ['-c', askPip], { timeout: askMsMax }).catch(() => null);
  const [url = '', certificates = ''] = (answer?.stdout ?? '').trimEnd().split('\n');
  return url.startsWith('http') ? { url: slashed(url), certificates: certificates || null, from: 'pip on this machine' } : null;
}

async function pipInImage(): Promise<UpstreamAddress | null> {
  const docker = new Docker();
  const images = await docker.listImages({ filters: { reference: ['wheelfarm/cross-*'] } }).catch(() => []);
  const image = images[0]?.Id;
  if (image === undefined) return null;
  const printed: Buffer[] = [];
  const output = new PassThrough().on('data', (bytes: Buffer) => printed.push(bytes));
  await docker.run(image, [imagePython, '-c', askPip], [output, new PassThrough().resume()], {
    Tty: false, HostConfig: { AutoRemove: true, NetworkMode: 'none' },
  });
  // The image's own certificates are not on this machine: only the address is of use.
  const url = Buffer.concat(printed).toString().split('\n')[0] ?? '';
  return url.startsWith('http') ? { url: slashed(url), certificates: null, from: 'pip in an image' } : null;
}
