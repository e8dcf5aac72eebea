import { request } from 'node:http';
import type { Env } from './places.ts';

/** How to reach the Docker engine: a socket, or host and port. */
export type Engine = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Where Docker's own client would look: `DOCKER_HOST`, else the usual socket. */
export function engineOf(env: Env): Engine {
  const address = env.DOCKER_HOST ?? '';
  const tcp = /^(?:tcp|http):\/\/\[?([^\]/]+?)\]?(?::(\d+))?\/?$/.exec(address);
  if (tcp) return { host: tcp[1] ?? 'localhost', port: Number(tcp[2] ?? 2375) };
  return { socketPath: address.startsWith('unix://') ? address.slice('unix://'.length) : '/var/run/docker.sock' };
}

/**
 * Asks the engine one thing. The command line needs three calls; loading a client library would cost more than they do.
 * @errors rejects with the system's error (ENOENT, EACCES, ECONNREFUSED) or after `msMax`
 */
export async function ask(engine: Engine, method: string, path: string, msMax: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ ...engine, method, path, timeout: msMax, agent: false, headers: { Host: 'docker' } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      answer.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${msMax} ms`)));
    call.on('error', reject);
    call.end();
  });
}

/** Why the engine does not answer, as an error code or sentence; undefined when it does. */
export async function silence(engine: Engine): Promise<string | undefined> {
  try {
    const { status } = await ask(engine, 'GET', '/_ping', 3000);
    return status === 200 ? undefined : `it answered with status ${status}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}

/**
 * Removes every container that carries a label, running or not, with its volumes.
 * @returns how many there were; 0 also where no engine answers, because then nothing runs
 */
export async function removeContainers(engine: Engine, label: string): Promise<number> {
  if (await silence(engine)) return 0;
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const { body } = await ask(engine, 'GET', `/containers/json?all=1&filters=${filters}`, 5000);
  const found = JSON.parse(body) as { Id: string }[];
  await Promise.all(found.map(({ Id }) => ask(engine, 'DELETE', `/containers/${Id}?force=1&v=1`, 8000)));
  return found.length;
}
