/** One command in a running container on the terminal of a person: Docker's exec with a TTY. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import type Docker from 'dockerode';
import { endedCode } from './docker-exec.ts';
import type { ExecOrder } from './docker-exec.ts';

const lookMs = 250;

/**
 * Runs the command until it ended; its size follows the terminal's. The terminal is raw meanwhile: Ctrl-C is the
 * command's. Answers the exit status.
 * @errors what dockerode throws; the caller maps it
 */
export async function attachIn(
  container: Docker.Container, { argv, user, environment = {}, workingFolder }: Omit<ExecOrder, 'input' | 'onBytes'>,
  { input, output }: { readonly input: ReadStream; readonly output: WriteStream },
): Promise<number | null> {
  const exec = await container.exec({
    Cmd: [...argv], User: user, Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...(workingFolder === undefined ? {} : { WorkingDir: workingFolder }),
    AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true,
  });
  const stream = await exec.start({ hijack: true, stdin: true, Tty: true });
  const resize = () => {
    if (output.rows && output.columns) exec.resize({ h: output.rows, w: output.columns }).catch(() => undefined);
  };
  stream.on('error', () => stream.destroy());
  output.on('resize', resize);
  input.setRawMode(true);
  resize();
  input.pipe(stream);
  stream.pipe(output, { end: false });
  try {
    // What the shell left in the background may hold the stream open.
    await Promise.race([once(stream, 'close'), once(stream, 'end'), ended(exec)]);
  } finally {
    output.off('resize', resize);
    input.unpipe(stream);
    input.pause();
    input.setRawMode(false);
    stream.destroy();
  }
  return endedCode(exec);
}

async function ended(exec: Docker.Exec): Promise<void> {
  while ((await exec.inspect()).Running) await pause(lookMs);
  await pause(lookMs);
}
