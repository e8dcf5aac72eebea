/**
 * What the kernel counted in a box, and what it says about how a command ended. Pure.
 * A process that the kernel kills for memory often takes down only a compiler, and the step ends with exit status 1:
 * the counters tell, not the exit status.
 */
import type { Ended } from './types.ts';

export interface Counters {
  /** Processes killed for memory since the box was made. */
  readonly oomKills: number;
  /** Forks refused since the box was made. */
  readonly pidsRefused: number;
  readonly workBytesFree: number;
  /** Text of the result file; null where there is none or it is over the limit. */
  readonly resultText: string | null;
}

const marker = '\n--result--\n';
export const resultBytesMax = 1024 * 1024;

/**
 * Run as the stranger's user: kills all its processes but itself, then prints counters, free space and the result file.
 * Works under cgroup version 1 (a folder per controller) and 2 (one folder). `$1` is the result file or empty.
 */
export const probeScript = `kill -9 -1 2>/dev/null
cd /sys/fs/cgroup
cat memory/memory.oom_control memory.events 2>/dev/null | while read -r key value; do
  case "$key" in oom_kill) echo "oomKills $value";; esac
done
cat pids/pids.events pids.events 2>/dev/null | while read -r key value; do
  case "$key" in max) echo "pidsRefused $value";; esac
done
df -Pk /work | tail -n 1 | { read -r _ _ _ free _; echo "workKiBFree $free"; }
printf '${marker.replaceAll('\n', '\\n')}'
if [ -n "$1" ] && [ -f "$1" ]; then printf f; head -c ${resultBytesMax + 1} "$1"; fi
`;

/** Reads what the probe printed; null where it did not get to its end. */
export function parseProbe(text: string): Counters | null {
  const cut = text.indexOf(marker);
  if (cut < 0) return null;
  const counters: Record<string, number> = {};
  for (const line of text.slice(0, cut).split('\n')) {
    const [key = '', value = ''] = line.split(' ');
    if (/^\d+$/.test(value)) counters[key] = Number(value);
  }
  const after = text.slice(cut + marker.length);
  const result = after.startsWith('f') && Buffer.byteLength(after) <= resultBytesMax + 1 ? after.slice(1) : null;
  return {
    oomKills: counters['oomKills'] ?? 0,
    pidsRefused: counters['pidsRefused'] ?? 0,
    workBytesFree: (counters['workKiBFree'] ?? Number.MAX_SAFE_INTEGER / 1024) * 1024,
    resultText: result,
  };
}

export interface EndFacts {
  readonly code: number | null;
  readonly before: Counters;
  readonly after: Counters;
  readonly wantsResult: boolean;
  readonly logTail: string;
}

/** Below this much free space a work folder is full: a page that could not be written may have been a few KiB. */
const fullBytes = 64 * 1024;
const diskWords = /No space left on device|\bENOSPC\b|\bErrno 28\b/;

/** How a command ended that nothing stopped from outside. A success is a success, whatever was refused on the way. */
export function howEnded(facts: EndFacts): Ended {
  if (facts.code === 0 && !(facts.wantsResult && facts.after.resultText === null)) return 'exit';
  if (facts.after.oomKills > facts.before.oomKills) return 'memory';
  if (facts.after.workBytesFree < fullBytes) return 'disk';
  if (facts.after.pidsRefused > facts.before.pidsRefused) return 'pids';
  return facts.code !== 0 && diskWords.test(facts.logTail) ? 'disk' : 'exit';
}

/** Parses a result file that strangers' code could have written: null where it is not JSON. */
export function parseResult(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
