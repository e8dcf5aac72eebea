/** Asks Docker for an image of Debian: one that is there, else one that a registry gives. */
import type Docker from 'dockerode';

/** How long a pull of a Debian image may take before the host is used. @unit milliseconds */
const pullMsMax = 60_000;

/**
 * Name of the first of debian:<suite> that is there or can be pulled; undefined where no registry answers.
 * @errors when `signal` is aborted
 */
export async function haveDebian(
  docker: Docker, suites: readonly string[], say: (line: string) => void, signal?: AbortSignal,
): Promise<string | undefined> {
  const images = suites.map((suite) => `debian:${suite}`);
  for (const image of images) {
    if (await docker.getImage(image).inspect().then(() => true, () => false)) return image;
  }
  for (const image of images) {
    say(`looking for ${image}`);
    if (await pull(docker, image, signal).catch(() => false)) return image;
    signal?.throwIfAborted();
  }
  return undefined;
}

async function pull(docker: Docker, image: string, signal: AbortSignal | undefined): Promise<boolean> {
  const limit = AbortSignal.timeout(pullMsMax);
  const stream = await docker.pull(image, { abortSignal: signal ? AbortSignal.any([limit, signal]) : limit });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve()));
  });
  return true;
}
