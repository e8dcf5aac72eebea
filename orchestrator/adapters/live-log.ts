import type { Followed, LiveWord } from '../page-ports.ts';
import type { Changes } from './prisma/changes.ts';
import { readLog, type LogPorts } from './prisma/logs.ts';
import { attemptView } from './prisma/views.ts';
import { wordOf } from './live-word.ts';

export interface TailPorts extends LogPorts { readonly changes: Changes }

/** One word carries at most so much log. @unit bytes */
const wordBytesMax = 128 * 1024;
const readApartMs = 150;
/** A word that was lost costs this much, never the end of the log. */
const lookMs = 1_000;

/** The end of an attempt's log that all its followers share. */
interface Tail {
  readonly followers: Map<Followed, number>;
  /** Log bytes up to here were told to every follower that has caught up. */
  end: number;
  /** The state that was told last. */
  state: string;
  touch(): void;
  stop(): void;
}

const tails = new WeakMap<TailPorts, Map<string, Tail>>();

/**
 * Follows log and state of an attempt. The id of a log word is the offset after it, so a page that comes back goes on
 * where it was. What is new is read once for all followers.
 * @errors FARM_NOT_FOUND
 */
export async function followTail(ports: TailPorts, id: string, from: Followed & { readonly offset: number }): Promise<void> {
  const view = await attemptView(ports.database, id);
  const all = tails.get(ports) ?? new Map<string, Tail>();
  tails.set(ports, all);
  const tail = all.get(id) ?? startTail(ports, id);
  all.set(id, tail);
  from.say(wordOf('', 'attempt', view));
  tail.followers.set(from, from.offset);
  tail.touch();
  await new Promise<void>((resolve) => {
    if (from.signal.aborted) resolve();
    else from.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  tail.followers.delete(from);
  if (tail.followers.size > 0) return;
  tail.stop();
  all.delete(id);
}

function startTail(ports: TailPorts, id: string): Tail {
  let timer: NodeJS.Timeout | null = null;
  let reading = false;
  let missed = false;
  const read = async (): Promise<void> => {
    timer = null;
    reading = true;
    missed = false;
    // The database may be away for a moment: the next look reads again.
    await readOnce(ports, id, tail).catch(() => undefined);
    reading = false;
    if (missed) touch();
  };
  const touch = (): void => {
    if (reading) missed = true;
    else timer ??= setTimeout(() => void read(), readApartMs);
  };
  const unlisten = ports.changes.on('farm_log', id, touch);
  const looking = setInterval(touch, lookMs);
  const tail: Tail = {
    followers: new Map(), end: -1, state: '', touch,
    stop() {
      unlisten();
      clearInterval(looking);
      if (timer) clearTimeout(timer);
    },
  };
  return tail;
}

/** Tells state and new bytes. Followers at the same offset get the same words. */
async function readOnce(ports: TailPorts, id: string, tail: Tail): Promise<void> {
  const view = await attemptView(ports.database, id);
  for (const [offset, followers] of Map.groupBy(tail.followers, ([, at]) => at)) {
    if (offset >= view.logBytes) continue;
    const words = logWords(await readLog(ports, id, offset), offset);
    for (const [follower] of followers) {
      for (const word of words) follower.say(word);
      tail.followers.set(follower, Number(words.at(-1)?.id ?? offset));
    }
  }
  const state = JSON.stringify(view);
  if (state === tail.state) return;
  tail.state = state;
  const word = wordOf('', 'attempt', view);
  for (const follower of tail.followers.keys()) follower.say(word);
}

/** Log bytes as words; a character that is not whole yet waits for its rest. Pure. */
export function logWords(bytes: Uint8Array, offset: number): LiveWord[] {
  const words: LiveWord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = wholeCharacters(bytes, Math.min(bytes.length, at + wordBytesMax));
    const until = end > at ? end : Math.min(bytes.length, at + wordBytesMax);
    if (end <= at && bytes.length - at < 4) break;
    words.push(wordOf(String(offset + until), 'log', { text: new TextDecoder().decode(bytes.subarray(at, until)) }));
    at = until;
  }
  return words;
}

/** The end of the last whole UTF-8 character before `end`. */
function wholeCharacters(bytes: Uint8Array, end: number): number {
  for (let back = 1; back <= 4 && back <= end; back += 1) {
    const byte = bytes[end - back] ?? 0;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return back >= (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? end : end - back;
  }
  return end;
}
