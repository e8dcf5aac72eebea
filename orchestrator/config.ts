import { isAbsolute, join } from 'node:path';
import { limits } from './contract/limits.ts';

/** What a process of the control plane needs to know. Read once from the environment; frozen. */
export interface Config {
  readonly databaseUrl: string;
  /** `host:port` */
  readonly temporalAddress: string;
  /** Folder of the blob store. */
  readonly blobsFolder: string;
  /** Where clients reach the farm, no slash at the end: `http://127.0.0.1:8421`. */
  readonly url: string;
  readonly listen: string;
  readonly port: number;
  /** Folder of this farm's state. */
  readonly home: string;
  /** Folder of the farm's keys, mode 0700. */
  readonly keysFolder: string;
  /** Folder of the images that set-up made. */
  readonly cacheFolder: string;
  /** Folder of catalogue.json and policy.json; the checkout's own unless FARM_IMAGES names another. */
  readonly imagesFolder: string;
  readonly farmId: string;
  readonly apiToken: string;
  readonly workerToken: string;
  /** Base of the upstream index; null: what pip is set to use. */
  readonly upstream: string | null;
  /** The environment of a process that makes images: the farm's own settings and secrets left out. */
  readonly makingEnvironment: Environment;
  /** Address of the GitHub of this farm, no slash at the end. */
  readonly githubUrl: string;
  /** Token of a person or a bot for the GitHub API; null: the one that the farm keeps. */
  readonly githubToken: string | null;
  /** How often registered repositories and watched names are looked at. @unit milliseconds */
  readonly pollMs: number;
  /** OAuth client that signs people in; null: nobody signs in with GitHub. */
  readonly githubClient: { readonly id: string; readonly secret: string } | null;
  /** The pool that makes sdists of folders. */
  readonly sdistPool: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const tokenLengthMin = 16;

/**
 * Reads the configuration.
 * @errors one Error that lists everything that is wrong
 */
export function readConfig(environment: Environment): Config {
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = environment[name] ?? '';
    if (value === '') wrong.push(`${name} is not set`);
    return value;
  };
  const folder = (name: string): string => {
    const value = text(name);
    if (value !== '' && !isAbsolute(value)) wrong.push(`${name} is no absolute path: ${value}`);
    return value;
  };
  const token = (name: string): string => {
    const value = text(name);
    if (value !== '' && value.length < tokenLengthMin) wrong.push(`${name} has fewer than ${tokenLengthMin} characters`);
    return value;
  };
  const home = folder('FARM_HOME');
  const config: Config = {
    databaseUrl: text('DATABASE_URL'), temporalAddress: text('TEMPORAL_ADDRESS'), blobsFolder: folder('FARM_BLOBS'),
    url: readUrl(text('FARM_URL'), wrong), listen: environment['FARM_LISTEN'] || '127.0.0.1',
    port: readPort(text('FARM_PORT'), wrong), home, keysFolder: join(home, 'keys'), cacheFolder: folder('FARM_CACHE'),
    imagesFolder: environment['FARM_IMAGES'] || join(import.meta.dirname, '..', 'images'),
    farmId: text('FARM_ID'), apiToken: token('FARM_API_TOKEN'), workerToken: token('FARM_WORKER_TOKEN'),
    upstream: environment['FARM_UPSTREAM'] || null,
    makingEnvironment: Object.fromEntries(Object.entries(environment)
      .filter(([name]) => !/^(?:FARM_|DATABASE_URL$|TEMPORAL_|PG)/.test(name))),
    githubUrl: readUrl(environment['FARM_GITHUB_URL'] || 'https://github.com', wrong),
    githubToken: environment['FARM_GITHUB_TOKEN'] || null, pollMs: Math.max(1, Number(environment['FARM_POLL_SECONDS']) || limits.pollMs / 1000) * 1000,
    githubClient: readClient(environment, wrong),
    sdistPool: environment['FARM_SDIST_POOL'] || 'linux-amd64',
  };
  if (wrong.length > 0) throw new Error(`The configuration is not right:\n  ${wrong.join('\n  ')}`);
  return Object.freeze(config);
}

function readClient(environment: Environment, wrong: string[]): Config['githubClient'] {
  const [id = '', secret = ''] = [environment['FARM_GITHUB_CLIENT_ID'], environment['FARM_GITHUB_CLIENT_SECRET']];
  if ((id === '') !== (secret === '')) wrong.push('FARM_GITHUB_CLIENT_ID and FARM_GITHUB_CLIENT_SECRET go together');
  return id === '' || secret === '' ? null : { id, secret };
}

function readUrl(value: string, wrong: string[]): string {
  if (value === '') return value;
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) wrong.push(`FARM_URL is no http address: ${value}`);
  return value.replace(/\/+$/, '');
}

function readPort(value: string, wrong: string[]): number {
  const port = Number(value);
  if (value !== '' && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) wrong.push(`FARM_PORT is no port: ${value}`);
  return port;
}

/** Whether only this machine reaches an address. */
export const isLoopback = (listen: string): boolean => /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(listen);

/** Whether whoever reaches the farm sits at its machine: it listens on loopback, and no proxy gives it another name. */
export const isLocalOnly = ({ listen, url }: Pick<Config, 'listen' | 'url'>): boolean =>
  isLoopback(listen) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
