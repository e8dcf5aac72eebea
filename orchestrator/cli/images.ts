import { setTimeout as sleep } from 'node:timers/promises';
import type { SetupPart } from '../../infra/setup/part.ts';
import { progressOn, type Progress, type Screen } from '../../infra/setup/progress.ts';
import type { ImageView } from '../contract/api.ts';
import { FarmError, failure } from '../domain/failure.ts';
import type { ApiClient } from './api-client.ts';
import { size } from './table.ts';

interface Waiting { readonly client: Pick<ApiClient, 'get'>; readonly err: Screen; readonly signal: AbortSignal }

/** How often the farm is asked how far its images are. @unit milliseconds */
const askMs = 500;

/**
 * Asks the farm for something that may need images first: shows their making, then asks again.
 * @errors those of `ask` but FARM_IMAGES_MAKING; FARM_CANCELLED when the signal aborts
 */
export async function withImages<T>({ client, err, signal }: Waiting, ask: () => Promise<T>): Promise<T> {
  let progress: Progress | null = null;
  const shown = new Map<string, SetupPart>();
  try {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof FarmError) || error.failure.code !== 'FARM_IMAGES_MAKING') throw error;
      }
      progress ??= progressOn(err, Date.now, 'image ');
      for (let going = true; going;) {
        const images = (await client.get<ImageView[]>('/images')).filter(({ late }) => !late);
        show(progress, shown, images);
        going = images.some(({ state }) => state === 'making');
        if (going) await sleep(askMs, undefined, { signal }).catch(() => { throw cancelled(); });
      }
    }
  } finally {
    progress?.close();
  }
}

/** What is being made goes on although nobody waits for it: the next build finds it. */
const cancelled = (): FarmError => new FarmError(failure('FARM_CANCELLED', 'plan', { who: 'Ctrl-C' }));

function show(progress: Progress, shown: Map<string, SetupPart>, images: readonly ImageView[]): void {
  const making = new Set(images.filter(({ state }) => state === 'making').map(({ name }) => name));
  for (const image of images) {
    const known = shown.get(image.name);
    if (image.state === 'making' && known) progress.say(known, image.note);
    if (image.state === 'making' && !known) {
      const part = partOf(image);
      shown.set(image.name, part);
      progress.begin(part);
    }
  }
  for (const [name, part] of shown) {
    if (making.has(name)) continue;
    const failed = images.find((image) => image.name === name && image.state === 'failed');
    progress.end(part, failed && new Error(failed.note));
    shown.delete(name);
  }
}

const partOf = ({ name, expectedBytes, expectedSeconds }: ImageView): SetupPart => ({
  name, what: 'made because this build needs it', size: size(expectedBytes), expectedSeconds, needs: [], purpose: 'build',
  check: async () => ({ state: 'ok', says: '' }),
});
