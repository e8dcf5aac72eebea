import type { SetupPart } from './part.ts';

/** What shows a set-up while it runs. */
export interface Progress {
  begin(part: SetupPart): void;
  /** Latest words of a part that is being installed. */
  say(part: SetupPart, words: string): void;
  end(part: SetupPart, error?: Error): void;
  close(): void;
}

interface Running { readonly part: SetupPart; readonly since: number; words: string }

/** Where progress is written: a terminal gets one living line below the lasting ones. */
export interface Screen { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }

/** How often a part that takes long says so where there is no terminal. @unit milliseconds */
const plainEveryMs = 15_000;

/** Writes what is installed, its size, expected time and elapsed time. `head` begins every lasting line. */
export function progressOn(screen: Screen, now: () => number = Date.now, head = 'set-up'): Progress {
  const running = new Map<string, Running>();
  const live = screen.isTTY === true;
  const line = (text: string): void => { screen.write(`${live ? '\r\x1b[K' : ''}${text}\n`); };
  const draw = (): void => {
    const words = [...running.values()].map((one) => liveWords(one, now())).join(' · ');
    screen.write(`\r\x1b[K${words.slice(0, (screen.columns ?? 100) - 1)}`);
  };
  const tell = (): void => {
    for (const one of running.values()) line(`${head}  ${one.part.name.padEnd(9)}  ${plainWords(one, now())}`);
  };
  const timer = setInterval(live ? draw : tell, live ? 500 : plainEveryMs);
  return {
    begin(part) {
      running.set(part.name, { part, since: now(), words: '' });
      const about = part.expectedSeconds > 1 ? `about ${duration(part.expectedSeconds)}` : '';
      line(`${head}  ${part.name.padEnd(9)}  ${[part.what, part.size, about].filter(Boolean).join(', ')}`);
    },
    say(part, words) {
      const one = running.get(part.name);
      if (one) one.words = words;
    },
    end(part, error) {
      const took = duration((now() - (running.get(part.name)?.since ?? now())) / 1000);
      running.delete(part.name);
      line(`${head}  ${part.name.padEnd(9)}  ${error ? `stopped after ${took}: ${error.message}` : `done in ${took}`}`);
    },
    close() {
      clearInterval(timer);
      if (live) screen.write('\r\x1b[K');
    },
  };
}

function liveWords({ part, since, words }: Running, now: number): string {
  return `${part.name} ${duration((now - since) / 1000)}${words ? ` ${words}` : ''}`;
}

function plainWords({ part, since, words }: Running, now: number): string {
  const of = part.expectedSeconds > 1 ? ` of about ${duration(part.expectedSeconds)}` : '';
  return `${duration((now - since) / 1000)}${of}${words ? `: ${words}` : ''}`;
}

/**
 * A time span for people.
 * @param seconds not negative
 * @shape `0.4 s`, `12 s`, `1 m 05 s`
 */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, '0')} s`;
}
