import type { BuildView } from '../contract/api.ts';
import type { Builds } from '../ports.ts';
import type { Changes } from './prisma/changes.ts';

/** At most four views a second of one build, however many cells move. */
const viewsApartMs = 250;
/** A word that was lost costs this much, never the end of a build. */
const lookMs = 2000;

interface Watched {
  readonly callbacks: Set<(view: BuildView) => void>;
  stop(): void;
  touch(): void;
}

/**
 * Makes Builds.watch: the views of one build are read once for all its watchers. The first view comes at once; the
 * promise ends when the signal aborts.
 */
export function buildWatch(changes: Changes, view: (id: string) => Promise<BuildView>): Builds['watch'] {
  const watched = new Map<string, Watched>();
  return async (id, changed, signal) => {
    changed(await view(id));
    if (signal.aborted) return;
    const shared = watched.get(id) ?? startWatching(changes, id, view);
    watched.set(id, shared);
    shared.callbacks.add(changed);
    // What changed between the first view and now.
    shared.touch();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    shared.callbacks.delete(changed);
    if (shared.callbacks.size > 0) return;
    shared.stop();
    watched.delete(id);
  };
}

function startWatching(changes: Changes, id: string, view: (id: string) => Promise<BuildView>): Watched {
  const callbacks = new Set<(view: BuildView) => void>();
  let timer: NodeJS.Timeout | null = null;
  let reading = false;
  let missed = false;
  const read = async (): Promise<void> => {
    timer = null;
    reading = true;
    missed = false;
    // The database may be away for a moment: the next change, or the listener's reconnection, reads again.
    const now = await view(id).catch(() => null);
    if (now) for (const callback of callbacks) callback(now);
    reading = false;
    if (missed) touch();
  };
  const touch = (): void => {
    if (reading) missed = true;
    else timer ??= setTimeout(() => void read(), viewsApartMs);
  };
  const unlisten = changes.on('farm_build', id, touch);
  const looking = setInterval(touch, lookMs);
  return {
    callbacks, touch,
    stop() {
      unlisten();
      clearInterval(looking);
      if (timer) clearTimeout(timer);
    },
  };
}
