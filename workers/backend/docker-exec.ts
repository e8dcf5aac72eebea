/** One command in a running container: Docker's exec, its stream read frame by frame. */
import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { frameReader } from './frames.ts';

export interface ExecOrder {
  readonly argv: readonly string[];
  /** `1000:1000` for everything that a stranger's code may have touched. */
  readonly user: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingFolder?: string;
  /** Writes stdin and ends it; none where it is left out. */
  readonly input?: (stdin: Duplex) => void;
  /** Called in order of arrival; stream 1 is stdout, 2 is stderr. Answering a promise holds the stream back. */
  readonly onBytes: (bytes: Uint8Array, stream: number) => void | Promise<void>;
}

/** How long a stream may stay open after its command ended: a child that it left behind may hold it for ever. */
const strayStreamMs = 400;
const strayStreamMsMax = 10_000;
const lookMs = 250;

/**
 * Runs the command until it ended and its output was read; answers its exit status.
 * @errors what dockerode throws; the caller maps it
 */
export async function execIn(container: Docker.Container, order: ExecOrder): Promise<number | null> {
  const exec = await container.exec({
    Cmd: [...order.argv],
    User: order.user,
    Env: Object.entries(order.environment ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(order.workingFolder === undefined ? {} : { WorkingDir: order.workingFolder }),
    AttachStdin: order.input !== undefined, AttachStdout: true, AttachStderr: true, Tty: false,
  });
  const stream = await exec.start({ hijack: true, stdin: order.input !== undefined });
  await readToEnd(exec, stream, order);
  return endedCode(exec);
}

/** The exit status: after the stream ended Docker may need a moment to know it; null where it does not learn it. */
export async function endedCode(exec: Docker.Exec): Promise<number | null> {
  for (let tries = 0; tries < 40; tries += 1) {
    const state = await exec.inspect();
    if (!state.Running && state.ExitCode !== null) return state.ExitCode;
    await new Promise((resolve) => setTimeout(resolve, 5 * (tries + 1)));
  }
  return null;
}

function readToEnd(exec: Docker.Exec, stream: Duplex, order: ExecOrder): Promise<void> {
  return new Promise((resolve, reject) => {
    let waiting: Promise<unknown> = Promise.resolve();
    let bytesAt = performance.now();
    const finish = (error?: unknown) => {
      clearInterval(look);
      stream.destroy();
      waiting.then(() => (error === undefined ? resolve() : reject(error as Error)), reject);
    };
    const isStray = strayJudge(exec);
    const look = setInterval(() => {
      if (stream.isPaused()) return;
      isStray(bytesAt).then((stray) => stray && finish(), finish);
    }, lookMs);
    const reader = frameReader((bytes, number) => {
      const held = order.onBytes(bytes, number);
      if (held === undefined) return;
      stream.pause();
      waiting = Promise.all([waiting, held]);
      waiting.then(() => stream.resume(), finish);
    });
    stream.on('data', (chunk: Buffer) => {
      bytesAt = performance.now();
      try {
        reader.push(chunk);
      } catch (error) {
        finish(error);
      }
    });
    stream.on('end', () => finish());
    stream.on('close', () => finish());
    stream.on('error', finish);
    order.input?.(stream);
  });
}

/** Tells whether a stray child holds a stream open: the command has ended, and bytes stopped coming or never stop. */
function strayJudge(exec: Docker.Exec): (bytesAt: number) => Promise<boolean> {
  let endedAt: number | null = null;
  return async (bytesAt) => {
    if (endedAt === null && (await exec.inspect()).Running) return false;
    const now = performance.now();
    endedAt ??= now;
    return now - Math.max(endedAt, bytesAt) >= strayStreamMs || now - endedAt >= strayStreamMsMax;
  };
}
