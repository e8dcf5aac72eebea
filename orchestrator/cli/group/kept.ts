import { randomBytes, randomInt, createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is chosen once for a farm and kept in its state folder. */
export interface Kept {
  readonly ports: Ports;
  readonly identity: Identity;
  readonly secrets: Secrets;
  /** How others reach the farm; absent where only this machine does. */
  readonly open?: Open;
}

/** Set by `./farm up --listen ADDR --url URL`. */
export interface Open {
  /** Address that the control plane listens on. */
  readonly listen: string;
  /** What others type, no slash at the end. */
  readonly url: string;
}

export interface Ports {
  readonly api: number;
  readonly postgres: number;
  readonly temporal: number;
  readonly temporalHttp: number;
  readonly temporalMetrics: number;
}

export interface Identity {
  /** 12 hex digits; in container labels, signatures and the marker of processes. */
  readonly farmId: string;
  readonly createdAt: string;
}

/** Kept in a file that only the owner reads. */
export interface Secrets {
  readonly apiToken: string;
  readonly workerToken: string;
  readonly postgresPassword: string;
}

/**
 * Reads what was chosen, choosing what is not there yet. One process at a time may call it for a farm.
 * @errors throws when a file is there but is not JSON: a farm's identity is never replaced silently
 */
export async function keepAll(home: string): Promise<Kept> {
  mkdirSync(home, { recursive: true });
  const identity = read<Identity>(home, 'identity.json')
    ?? write(home, 'identity.json', { farmId: randomBytes(6).toString('hex'), createdAt: new Date().toISOString() });
  const secret = (): string => randomBytes(24).toString('base64url');
  const secrets = read<Secrets>(home, 'secrets.json')
    ?? write(home, 'secrets.json', { apiToken: secret(), workerToken: secret(), postgresPassword: secret() });
  const ports = read<Ports>(home, 'ports.json') ?? write(home, 'ports.json', await choosePorts());
  return withOpen({ ports, identity, secrets }, home);
}

function withOpen(kept: Omit<Kept, 'open'>, home: string): Kept {
  const open = read<Open>(home, 'open.json');
  return open ? { ...kept, open } : kept;
}

/** Keeps how others reach the farm; null: nobody but this machine. It is in force from the next start. */
export function keepOpen(home: string, open: Open | null): void {
  if (open) write(home, 'open.json', open);
  else rmSync(join(home, 'open.json'), { force: true });
}

/** What was chosen, or undefined for a farm that was never up. */
export function readKept(home: string): Kept | undefined {
  const ports = read<Ports>(home, 'ports.json');
  const identity = read<Identity>(home, 'identity.json');
  const secrets = read<Secrets>(home, 'secrets.json');
  return ports && identity && secrets ? withOpen({ ports, identity, secrets }, home) : undefined;
}

/** Where the farm answers; the same after every restart. */
export const farmUrl = (ports: Ports): string => `http://127.0.0.1:${ports.api}`;

/**
 * The supervisor's socket. A path over 100 bytes does not fit into a socket address: then a hash of it, in the
 * system's temporary folder.
 */
export function socketPath(home: string): string {
  const path = join(home, 'supervisor.sock');
  if (Buffer.byteLength(path) <= 100) return path;
  return join(tmpdir(), `wheelfarm-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.sock`);
}

/** Below the range that systems give to outgoing connections, so that a port is still free after a restart. */
const portMin = 20_000;
const portMax = 32_000;

async function choosePorts(): Promise<Ports> {
  const taken = new Set<number>();
  const next = async (): Promise<number> => {
    for (;;) {
      const port = randomInt(portMin, portMax);
      if (taken.has(port) || !(await portIsFree(port))) continue;
      taken.add(port);
      return port;
    }
  };
  return {
    api: await next(), postgres: await next(), temporal: await next(),
    temporalHttp: await next(), temporalMetrics: await next(),
  };
}

/** Whether nothing listens on a port of this machine. */
export async function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function read<T>(home: string, name: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(join(home, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${join(home, name)} is damaged; restore it, or remove it to have another one chosen`);
  }
}

function write<T>(home: string, name: string, value: T): T {
  const path = join(home, name);
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(`${path}.new`, name === 'secrets.json' ? 0o600 : 0o644);
  renameSync(`${path}.new`, path);
  return value;
}
