/** A box in Docker: a started container, used for one attempt. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type Docker from 'dockerode';
import { fail } from '../../orchestrator/domain/failure.ts';
import type { Step } from '../../orchestrator/domain/failure.ts';
import { stepUser } from './box-spec.ts';
import { howEnded, parseProbe, parseResult, probeScript } from './counters.ts';
import type { Counters } from './counters.ts';
import { asking, dockerFailure } from './docker-errors.ts';
import { execIn } from './docker-exec.ts';
import { tail } from './frames.ts';
import { packFiles } from './pack.ts';
import type { Box, BoxOrder, Ended, StepCommand, StepExit } from './types.ts';
import { watchRun } from './watch.ts';

const logTailBytes = 64 * 1024;
/** How long a killed command's stream may take to end before it is left behind. */
const killedMsMax = 3000;
const takenFileScript = 'kill -9 -1 2>/dev/null; [ -f "$1" ] && [ ! -L "$1" ] || exit 44; exec cat "$1"';
const noSuchFile = 44;
/** Makes the folders that HOME and TMPDIR name, then becomes the command. */
const runScript = 'umask 022; mkdir -p "$HOME" "$TMPDIR"; exec "$@"';

/** Takes a started container over as a box. */
export function dockerBox(container: Docker.Container, docker: Docker, order: BoxOrder): Box {
  let counters: Counters = { oomKills: 0, pidsRefused: 0, workBytesFree: 0, resultText: null };
  let logBytes = 0;
  let dead = false;

  async function kill(): Promise<void> {
    dead = true;
    await container.kill({ signal: 'SIGKILL' }).catch(() => undefined);
  }

  async function probe(step: Step, resultFile: string): Promise<Counters | Ended> {
    const parts: Uint8Array[] = [];
    const code = await execIn(container, {
      argv: ['sh', '-c', probeScript, 'sh', resultFile], user: stepUser,
      onBytes: (bytes, stream) => void (stream === 1 && parts.push(Uint8Array.from(bytes))),
    }).catch(() => null);
    const read = parseProbe(Buffer.concat(parts).toString('utf8'));
    if (code === 0 && read !== null) return read;
    const why = await asking(step, () => whyUnusable(container, docker, order));
    await kill();
    return why ?? fail('FARM_CONTAINER_BROKE', step, { why: `no answer from the box (exit ${code})` });
  }

  async function run(command: StepCommand, onLog: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<StepExit> {
    if (dead) fail('FARM_CONTAINER_BROKE', command.step, { why: 'the box was stopped by an earlier step' });
    const started = performance.now();
    const last = tail(logTailBytes);
    const watch = watchRun({ container, command, limits: order.limits, signal, kill });
    const onBytes = (bytes: Uint8Array) => {
      if (watch.stopped() !== null) return;
      const room = order.limits.logBytesMax - logBytes;
      logBytes += bytes.length;
      watch.heard();
      const kept = bytes.subarray(0, Math.max(0, room));
      last.push(kept);
      onLog(kept);
      if (logBytes > order.limits.logBytesMax) watch.stop('flood');
    };
    const code = await ran(command, onBytes, watch).finally(watch.end);
    const exit = (ended: Ended, result: unknown = null): StepExit =>
      ({ ended, code, result, logTail: last.text(), ms: Math.round(performance.now() - started) });
    const stopped = watch.stopped();
    if (stopped !== null) return exit(stopped);
    const before = counters;
    const after = await probe(command.step, command.resultFile ?? '');
    if (signal.aborted) return exit('cancelled');
    if (typeof after === 'string') return exit(after);
    counters = after;
    const ended = howEnded({ code, before, after, wantsResult: command.resultFile !== null, logTail: last.text() });
    return exit(ended, parseResult(after.resultText));
  }

  async function ran(
    command: StepCommand, onBytes: (bytes: Uint8Array) => void, watch: ReturnType<typeof watchRun>,
  ): Promise<number | null> {
    if (watch.stopped() !== null) return null;
    const going = execIn(container, {
      argv: ['sh', '-c', runScript, 'sh', ...command.argv], user: stepUser,
      environment: command.environment, workingFolder: command.workingFolder, onBytes,
    });
    going.catch(() => undefined);
    try {
      return await Promise.race([going, watch.killed.then(() => pause(killedMsMax))]);
    } catch (error) {
      if (watch.stopped() !== null) return null;
      const why = await asking(command.step, () => whyUnusable(container, docker, order));
      await kill();
      if (why === null) throw dockerFailure(error, command.step);
      watch.stop(why);
      return null;
    }
  }

  return {
    id: container.id.slice(0, 12),
    run,
    async put(files) {
      const said = tail(2000);
      const code = await asking('fetch', () => execIn(container, {
        argv: ['tar', '-x', '-C', '/', '-f', '-'], user: stepUser, onBytes: (bytes) => said.push(bytes),
        input: (stdin) => packFiles(files, stdin),
      }));
      if (code === 0) return;
      if (/No space left|Wrote only/.test(said.text())) {
        fail('FARM_DISK', 'fetch', { step: 'fetch', limit: sizeWords(order.limits.workBytes) });
      }
      fail('FARM_CONTAINER_BROKE', 'fetch', { why: `files could not be put in (exit ${code}): ${said.text()}` });
    },
    take: (path, toFile, bytesMax) => takeFile(container, path, toFile, bytesMax),
    async close() {
      dead = true;
      await container.remove({ force: true, v: true }).catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404 && error.statusCode !== 409) throw dockerFailure(error, 'build');
      });
    },
  };
}

const pause = (ms: number): Promise<null> => new Promise((resolve) => void setTimeout(resolve, ms, null).unref());
/** `512 MiB` */
const sizeWords = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;

/**
 * Why a box takes no command any more, where a limit is the cause: a full process table lets no exec in, a full memory
 * kills it. Docker's state says OOMKilled of process 1 only, so its events are asked. Null where it is something else.
 */
async function whyUnusable(container: Docker.Container, docker: Docker, order: BoxOrder): Promise<Ended | null> {
  const { State: state } = await container.inspect();
  if (state.OOMKilled || (await oomEvents(container, docker, state.StartedAt))) return 'memory';
  if (!state.Running) return null;
  const stats = await container.stats({ stream: false, 'one-shot': true });
  const { current = 0 } = (stats.pids_stats ?? {}) as { current?: number };
  return current >= order.limits.pidsMax - 2 ? 'pids' : null;
}

/** True where the kernel killed something of the container for memory. `until` now: the stream ends at once. */
async function oomEvents(container: Docker.Container, docker: Docker, since: string): Promise<boolean> {
  // Docker takes fractions of a second as text; the client's types know whole numbers only.
  const seconds = (ms: number): number => (ms / 1000).toFixed(3) as unknown as number;
  const events = (await docker.getEvents({
    since: seconds(Date.parse(since)), until: seconds(Date.now()),
    filters: { container: [container.id], event: ['oom'] },
  })) as NodeJS.ReadableStream;
  let bytes = 0;
  for await (const part of events) bytes += part.length;
  return bytes > 0;
}

async function takeFile(
  container: Docker.Container, path: string, toFile: string, bytesMax: number,
): Promise<{ bytes: number }> {
  const file = createWriteStream(toFile, { flags: 'w', mode: 0o600 });
  let bytes = 0;
  let drained: Promise<void> | null = null;
  let broken: Error | null = null;
  file.on('error', (error) => { broken ??= error; });
  try {
    await asking('build', () => once(file, 'open'));
    const code = await asking('build', () => execIn(container, {
      argv: ['sh', '-c', takenFileScript, 'sh', path], user: stepUser,
      onBytes(part, stream) {
        if (stream !== 1) return undefined;
        // A file that broke says so once; waiting for it to drain would be for ever.
        if (broken !== null) throw broken;
        bytes += part.length;
        if (bytes > bytesMax) {
          fail('FARM_WHEEL_BROKEN', 'build', { file: path, why: `it is over ${sizeWords(bytesMax)}` });
        }
        if (file.write(Uint8Array.from(part))) return undefined;
        return (drained ??= once(file, 'drain').then(() => void (drained = null)));
      },
    }));
    if (code === noSuchFile) fail('FARM_WHEEL_NONE', 'build', { file: path });
    if (code !== 0) fail('FARM_CONTAINER_BROKE', 'build', { why: `a file could not be taken out (exit ${code})` });
  } finally {
    await new Promise<void>((resolve) => {
      file.once('close', resolve);
      if (file.closed) resolve();
      file.end();
    });
  }
  if (broken !== null) throw dockerFailure(broken, 'build');
  return { bytes };
}
