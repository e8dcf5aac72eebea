/**
 * A backend without containers: it answers what a script says, and obeys the same laws. Its own script, for the
 * fan-out benchmark and for tests, plays the farm's steps and builds a no-op wheel for whatever target it is asked.
 */
import { writeFileSync } from 'node:fs';
import { fail } from '../../orchestrator/domain/failure.ts';
import { floorTag, noOpWheel } from './no-op-wheel.ts';
import type { Backend, Box, BoxOrder, Ended, StepCommand, StepExit } from './types.ts';

/** What a command does. */
export interface Scripted {
  readonly code: number;
  readonly result?: unknown;
  readonly log?: string;
  /** Files that it leaves in the box, by path. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** It never ends by itself. */
  readonly hangs?: true;
  /** It is stopped by this limit. */
  readonly ended?: Ended;
}
export type BoxScript = (command: StepCommand) => Scripted;

/** A backend that follows the script; without one it plays the farm's steps. */
export function scriptedBackend(script: BoxScript = playSteps): Backend {
  const open = new Set<Box>();
  let opened = 0;
  return {
    ready: async () => ({ ok: true }),
    ensureImage: async () => undefined,
    async open(order) {
      opened += 1;
      const box = scriptedBox(`scripted-${opened}`, order, script, () => open.delete(box));
      open.add(box);
      return box;
    },
    prepare: () => undefined,
    async closeAll() {
      await Promise.all([...open].map((box) => box.close()));
    },
  };
}

const closing = new Error('the box is closed');

function scriptedBox(id: string, order: BoxOrder, script: BoxScript, gone: () => void): Box {
  const files = new Map<string, Uint8Array>();
  const closed = new AbortController();
  return {
    id,
    put: async () => undefined,
    async run(command, onLog, signal) {
      if (closed.signal.aborted) fail('FARM_CONTAINER_BROKE', command.step, { why: 'the box is closed' });
      const started = performance.now();
      const exit = (ended: Ended, does?: Scripted): StepExit => ({
        ended, code: ended === 'exit' ? (does?.code ?? 0) : null, logTail: does?.log ?? '',
        result: does?.result ?? null, ms: Math.round(performance.now() - started),
      });
      if (signal.aborted) return exit('cancelled');
      const does = script(command);
      if (does.log) onLog(new TextEncoder().encode(does.log));
      for (const [path, bytes] of Object.entries(does.files ?? {})) files.set(path, bytes);
      if (!does.hangs) return exit(does.ended ?? 'exit', does);
      const msMax = Math.min(command.msMax, order.limits.silenceMsMax);
      const stopped = await hang(msMax, AbortSignal.any([signal, closed.signal]));
      if (stopped) return exit('cancelled', does);
      return exit(command.msMax <= order.limits.silenceMsMax ? 'timeout' : 'silent', does);
    },
    async take(path, toFile, bytesMax) {
      const bytes = files.get(path) ?? fail('FARM_WHEEL_NONE', 'build', { file: path });
      if (bytes.length > bytesMax) {
        fail('FARM_WHEEL_BROKEN', 'build', { file: path, why: `it is over ${bytesMax} bytes` });
      }
      writeFileSync(toFile, bytes);
      return { bytes: bytes.length };
    },
    async close() {
      // With a reason of its own: making the usual one takes a stack trace.
      closed.abort(closing);
      files.clear();
      gone();
    },
  };
}

/** Waits; true where the signal came first. */
function hang(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(true); }, { once: true });
  });
}

type Order = Readonly<Record<string, string | undefined>>;
const emptyTar = new Uint8Array(1024);
const buildSystem = { backend: 'scripted', backendPath: [], requires: [] };

/** Plays a step of workers/container/: the script's name and the order in its arguments say which. */
export function playSteps(command: StepCommand): Scripted {
  const script = command.argv.find((word) => word.endsWith('.py'))?.split('/').at(-1) ?? '';
  const order = JSON.parse(command.argv.at(-1) ?? '{}') as Order;
  const play = plays[script] ?? fail('FARM_CONTAINER_BROKE', command.step, { why: `no scripted answer for ${script}` });
  const { files = {}, ...value } = play(order);
  return { code: 0, result: { ok: true, ...value }, log: `scripted ${script}\n`, files };
}

interface Played { readonly files?: Readonly<Record<string, Uint8Array>>; readonly [key: string]: unknown }

const plays: Readonly<Record<string, (order: Order) => Played>> = {
  'resolve.py': ({ bundle }) => ({ lock: [], bytes: 0, buildSystem, files: bundle ? { [bundle]: emptyTar } : {} }),
  'prepare.py': ({ hook }) => ({ buildSystem, installed: [], members: 1, ...(hook ? { requires: [] } : {}) }),
  'hooks.py': (order) => {
    if (order['hook'] === 'requires' || order['hook'] === 'requires-sdist') return { requires: [] };
    if (order['hook'] === 'sdist') {
      return { sdist: 'scripted-1.tar.gz', files: { [`${order['out']}/scripted-1.tar.gz`]: emptyTar } };
    }
    return { ...wheelIn(order), compilerCalls: 1, compilerFailures: 0 };
  },
  'repair.py': (order) => {
    const [project = '', version = ''] = (order['wheel'] ?? '').split('/').at(-1)!.split('-');
    const audit = { platformTag: floorTag(order['target'] ?? ''), floor: '', objectCount: 0, objects: [], glibc: null, notes: [] };
    return { ...wheelIn({ ...order, project, version }), policy: null, grafted: [], audit, auditMs: 0 };
  },
  'test.py': ({ mode, siteTar }) => ({
    imports: [], how: `scripted ${mode}`, ...(siteTar ? { siteTar, files: { [siteTar]: emptyTar } } : {}),
  }),
};

function wheelIn({ project = 'scripted', version = '1', target = '', out = '' }: Order): Played {
  const { filename, platformTag, bytes } = noOpWheel(project, version, target);
  return { wheel: filename, pure: false, platformTag, notes: [], files: { [`${out}/${filename}`]: bytes } };
}
