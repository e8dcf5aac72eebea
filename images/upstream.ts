/** Upstream's manylinux and musllinux images: had from Docker or its registry, and how one is dressed for the farm. */
import type Docker from 'dockerode';
import type { Workbench } from './docker.ts';
import type { ImageRow } from './types.ts';

/** A pull is given up when nothing has come for so long. @unit milliseconds */
const silenceMsMax = 120_000;

/**
 * Makes Docker have an image; pulls it where it is not there.
 * @returns Docker's id of it
 * @errors a sentence that names the image and what the registry said
 */
export async function haveUpstream(docker: Docker, reference: string, say: (note: string) => void, signal?: AbortSignal): Promise<string> {
  const there = (): Promise<string | undefined> => docker.getImage(reference).inspect().then(({ Id }) => Id, () => undefined);
  const known = await there();
  if (known) return known;
  say(`pulling ${reference.split('@')[0] ?? reference}`);
  try {
    await pull(docker, reference, say, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`the upstream image ${reference} cannot be pulled: ${reasonOf(error)}`, { cause: error });
  }
  const pulled = await there();
  if (!pulled) throw new Error(`the upstream image ${reference} cannot be pulled: Docker ended well, but does not have it`);
  return pulled;
}

async function pull(docker: Docker, reference: string, say: (note: string) => void, signal: AbortSignal | undefined): Promise<void> {
  const silent = new AbortController();
  const stop = signal ? AbortSignal.any([silent.signal, signal]) : silent.signal;
  const timer = setTimeout(() => silent.abort(new Error('nothing came for two minutes')), silenceMsMax);
  try {
    const stream = await docker.pull(reference, { abortSignal: stop });
    await new Promise<void>((resolve, reject) => {
      stop.addEventListener('abort', () => reject(stop.reason as Error), { once: true });
      docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve()),
        ({ status, progress }: { status?: string; progress?: string }) => {
          timer.refresh();
          if (status) say(`${status} ${progress ?? ''}`.trim());
        });
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Docker's words without its own frame: `(HTTP code 500) server error - Get "https://…": no such host`. Pure. */
export function reasonOf(error: unknown): string {
  return (error as Error).message.replace(/^\(HTTP code \d+\) [\w ]+ - /, '').trim().split('\n')[0]?.slice(0, 300) ?? '';
}

/** Runs pypa/finish.py with the newest of the rows' interpreters that is in the image. */
export async function dress(container: Workbench, rows: readonly ImageRow[], onLine: (line: string) => void): Promise<void> {
  const own = rows.flatMap(({ target, interpreter }) => (interpreter && target.startsWith('cp3') && !target.startsWith('cp39') ? [interpreter] : []));
  const tries = own.toReversed().map((path) => `[ ! -x ${path} ] || exec ${path} -I /stage/finish.py`);
  await container.run(['sh', '-c', `${tries.join('\n')}\necho 'none of the interpreters that the rows name is in this image' >&2; exit 1`], { onLine });
  await container.run(['rm', '-rf', '/stage']);
}
