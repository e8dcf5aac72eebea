/**
 * One delivery of an attempt: lease, log, step events, boxes, outcome, and the end of all of it whatever happens.
 * A failure of the project is posted as an outcome; a failure of the farm or the world is thrown, so that Temporal
 * delivers the cell again; a lease that is over ends quietly.
 */
import { createReadStream, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cellLimits, limits } from '../orchestrator/contract/limits.ts';
import type { CellLimits } from '../orchestrator/contract/limits.ts';
import type {
  BuildSpec, ImageInput, LeaseRequest, Outcome, SdistSpec, StepEvent, TestSpec,
} from '../orchestrator/contract/worker.ts';
import { FarmError } from '../orchestrator/domain/failure.ts';
import type { Failure, Step } from '../orchestrator/domain/failure.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import type { Backend, Box, StepCommand, StepExit } from './backend/types.ts';
import type { StepContext } from './classify.ts';
import { DoorError, isOver } from './control-door.ts';
import type { Beside, ControlDoor, LeaseDoor } from './control-door.ts';
import type { FetchStore } from './fetch-store.ts';
import type { LibraryStore } from './libraries.ts';
import { logPump } from './log-pump.ts';
import type { Script } from './scripts.ts';
import type { Verdict } from './steps/judge.ts';
import type { LogPump } from './log-pump.ts';

export interface WorkerPorts {
  readonly door: ControlDoor;
  readonly backend: Backend;
  readonly fetches: FetchStore;
  readonly libraries: LibraryStore;
  readonly scripts: readonly Script[];
  readonly workerId: string;
  /** A folder for files on their way: those of a delivery are gone after it. */
  readonly scratch: string;
  /** The wall clock, for lines in the log. */
  readonly clock: () => Date;
  readonly newId: () => string;
}

/** What Temporal says about this delivery. */
export interface Delivery {
  /** Temporal's attempt number, from 1. */
  readonly number: number;
  readonly signal: AbortSignal;
  /** After the signal: `cancelled` by somebody; `gone` when this worker stops or Temporal gave the delivery up. */
  readonly why: () => 'cancelled' | 'gone';
  readonly heartbeat: () => void;
}

export interface Scope<Spec> {
  readonly spec: Spec;
  readonly lease: LeaseDoor;
  readonly signal: AbortSignal;
  /** A folder of this delivery, made when it is first asked for. */
  readonly folder: string;
  /** Path of a file of this delivery by a name; gone after it, as the folder is. */
  file(name: string): string;
  readonly ports: WorkerPorts;
  /** Opens a box that is closed with the scope; loads its image where it is not here. */
  open(image: ImageInput, kind: 'sealed' | 'fetch'): Promise<Box>;
  /** Runs a step: header in the log, events, verdict. @errors FarmError with the judge's failure; Stopped */
  step<T>(box: Box, command: StepCommand, judge: JudgeFor<T>): Promise<T>;
  /** Tells what is installed; true where an equal attempt is known, so that nothing is to be built. */
  locked(lock: readonly Locked[]): Promise<boolean>;
  /** Puts an output: a small one goes with the outcome. */
  output(file: string, sha256: string, bytes: number): Promise<void>;
  /** Records a step that needed no box of its own. */
  passed(step: Step, note: string): void;
  /** Records a step that the program of the one before it has done. @unit milliseconds */
  within(step: Step, ms: number): void;
  /** Puts a line of the farm into the log. */
  say(text: string): void;
}

/** The judges of workers/steps/. */
export type JudgeFor<T> = (context: StepContext) => (exit: StepExit) => Verdict<T>;

/** Thrown inside a scope when its signal says so. */
export class Stopped extends Error {}

export type Ending<O> =
  | { readonly state: 'posted'; readonly outcome: O }
  /** The work said that there is nothing to post: known by its key. */
  | { readonly state: 'known' }
  | { readonly state: 'cancelled' }
  /** Another delivery goes on, or the build has ended. */
  | { readonly state: 'over' };

/** The work of a delivery and its other ends, as outcomes. */
export interface Ends<Spec, O> {
  /** Null posts nothing. */
  readonly work: (scope: Scope<Spec>) => Promise<O | null>;
  readonly failed: (failure: Failure) => O;
  readonly cancelled: O;
}

type AnySpec = BuildSpec | TestSpec | SdistSpec;
const farmLinesBytesMax = 64 * 1024;
/** As the contract takes them in one request. */
const eventsAtOnceMax = 100;

/**
 * Works on one delivery and posts what `work` answers; null posts nothing.
 * @errors FarmError of the farm or the world; Stopped where the delivery is gone without a cancel
 */
export async function inLease<Spec extends AnySpec, O extends Outcome>(
  ports: WorkerPorts, delivery: Delivery, request: Omit<LeaseRequest, 'worker' | 'delivery'>,
  ends: Ends<Spec, O>,
): Promise<Ending<O>> {
  const beat = setInterval(delivery.heartbeat, limits.heartbeatMs);
  try {
    const grant = await ports.door.lease({ ...request, delivery: delivery.number, worker: ports.workerId });
    const lease = ports.door.of(grant);
    const scratch = scratchOf(join(ports.scratch, ports.newId()));
    const made = makeScope<Spec>(ports, delivery,
      { spec: grant.spec as Spec, lease, scratch, logOffset: grant.logOffset, first: grant.first ?? false });
    try {
      return await concluded(made, delivery, lease, ends);
    } finally {
      await made.close();
      scratch.remove();
    }
  } catch (error) {
    if (isOver(error)) return { state: delivery.signal.aborted ? 'cancelled' : 'over' };
    throw error;
  } finally {
    clearInterval(beat);
  }
}

interface Scratch { readonly folder: () => string; readonly file: (name: string) => string; readonly remove: () => void }

/**
 * Files and a folder whose paths begin with `path`. At once: each is a moment's work, and waiting for another thread costs
 * more than the work; a folder costs several times as much as a file, and most deliveries need none.
 */
function scratchOf(path: string): Scratch {
  const names = new Set<string>();
  let made = false;
  return {
    folder() {
      if (!made) mkdirSync(path, { recursive: true });
      made = true;
      return path;
    },
    file(name) {
      if (names.size === 0) mkdirSync(dirname(path), { recursive: true });
      names.add(name);
      return `${path}.${name}`;
    },
    remove() {
      for (const name of names) rmSync(`${path}.${name}`, { force: true });
      if (made) rmSync(path, { recursive: true, force: true });
    },
  };
}

interface MadeScope<Spec> {
  readonly scope: Scope<Spec>;
  /** What broke the scope from outside a step: the door. */
  readonly broken: () => unknown;
  /** Posts the step events that wait; all are posted when it ends. */
  readonly settled: () => Promise<void>;
  /** What was not sent yet, for the request that ends the delivery. */
  readonly beside: () => Promise<Beside>;
  readonly close: () => Promise<void>;
}

async function concluded<Spec, O extends Outcome>(
  { scope, broken, settled, beside, close }: MadeScope<Spec>, delivery: Delivery, lease: LeaseDoor,
  { work, failed, cancelled }: Ends<Spec, O>,
): Promise<Ending<O>> {
  const outcome = await work(scope).catch((error: unknown) => {
    if (delivery.signal.aborted && delivery.why() === 'cancelled') return cancelled;
    if (delivery.signal.aborted) throw new Stopped('the delivery is gone');
    const cause = broken() ?? error;
    const failure = projectFailure(cause);
    if (failure === null) {
      scope.say(`== ${cause instanceof FarmError ? `${cause.failure.code}: ${cause.message}` : String(cause)}`);
      void settled();
      throw cause;
    }
    scope.say(`== ${failure.step} failed: ${failure.code}: ${failure.message}`);
    return failed(failure);
  });
  const closing = close();
  const last = await beside();
  if (outcome !== null) await lease.outcome(outcome, last);
  // The lock has ended the lease: what comes after it is not taken any more.
  else if (last.log) await lease.log(last.log.offset, last.log.bytes).catch((error: unknown) => { if (!isOver(error)) throw error; });
  await closing;
  if (outcome === null) return { state: 'known' };
  return outcome === cancelled ? { state: 'cancelled' } : { state: 'posted', outcome };
}

/** The failure that ends the work: where the project must act, or the test has no better Python. Null where trying again may help. */
function projectFailure(error: unknown): Failure | null {
  if (!(error instanceof FarmError) || error instanceof DoorError) return null;
  const { retry, blame, code } = error.failure;
  return retry === 'never' && (blame === 'project' || code === 'FARM_TEST_PYTHON') ? error.failure : null;
}

function makeScope<Spec extends AnySpec>(
  ports: WorkerPorts, delivery: Delivery,
  { spec, lease, scratch, logOffset, first }:
  { spec: Spec; lease: LeaseDoor; scratch: Scratch; logOffset: number; first: boolean },
): MadeScope<Spec> {
  const boxes = new Set<Box>();
  const inner = new AbortController();
  const signal = AbortSignal.any([delivery.signal, inner.signal]);
  let broken: unknown = null;
  let posts: Promise<void> = Promise.resolve();
  let waiting: StepEvent[] = [];
  const breakOff = (error: unknown) => {
    broken ??= error;
    inner.abort();
  };
  const later = (call: () => void, ms: number) => void setTimeout(call, ms);
  const log: LogPump = logPump({
    append: lease.log, offset: logOffset, flushMs: limits.logFlushMs, chunkBytesMax: limits.logChunkBytesMax,
    bytesMax: 2 * spec.limits.logBytesMax + farmLinesBytesMax, onError: breakOff,
    later,
  });
  let small: Beside['output'] = null;
  let kept: Beside['lock'] = null;
  const postWaiting = (): Promise<void> => (posts = posts.then(async () => {
    const events = waiting;
    waiting = [];
    if (events.length > 0) await lease.events(events);
  }).catch(breakOff));
  // What happens in the same moment goes together.
  const post = (event: StepEvent) => {
    waiting.push(event);
    if (waiting.length === 1) later(() => void postWaiting(), limits.eventFlushMs);
  };
  const beside = async (): Promise<Beside> => {
    const rest = await log.rest(limits.smallBytesMax);
    await (waiting.length > eventsAtOnceMax ? postWaiting() : posts);
    const events = waiting;
    waiting = [];
    return { events, log: rest, output: small, lock: kept };
  };
  const header = (step: Step) => log.line(`== ${step} ${ports.clock().toISOString().slice(11, 19)}`);
  const scope: Scope<Spec> = {
    spec, lease, signal, ports, file: scratch.file,
    get folder() { return scratch.folder(); },
    say: log.line,
    open: async (image, kind) => {
      stopIf(signal);
      let loaded = false;
      await ports.backend.ensureImage(image, async () => {
        loaded = true;
        log.line(`== loading image ${image.name}`);
        return createReadStream(await lease.input({ sha256: image.tarSha256, bytes: image.bytes }));
      });
      if (loaded) await lease.forget(image.tarSha256);
      const box = await ports.backend.open({ image, kind, limits: limitsOf(kind, spec) });
      boxes.add(box);
      stopIf(signal);
      return box;
    },
    async step(box, command, judge) {
      stopIf(signal);
      header(command.step);
      post({ step: command.step, state: 'started' });
      const context = contextOf(spec, command);
      const exit = await box.run({ ...command, msMax: context.msMax }, log.write, signal);
      post({ step: command.step, state: 'ended', ms: exit.ms });
      stopIf(signal);
      const verdict = judge(context)(exit);
      if (!verdict.ok) throw new FarmError(verdict.failure);
      return verdict.value;
    },
    async locked(lock) {
      // Nothing can be known of the first attempt: what it was built with goes with how it ended.
      if (!first) return (await lease.lock({ lock: [...lock] })).known;
      kept = lock;
      return false;
    },
    async output(file, sha256, bytes) {
      if (small !== null || bytes > limits.smallBytesMax) await lease.output(file, sha256, bytes);
      else small = { sha256, bytes: readFileSync(file) };
    },
    passed(step, note) {
      header(step);
      log.line(note);
      post({ step, state: 'started' });
      post({ step, state: 'ended', ms: 0, note });
    },
    within(step, ms) {
      post({ step, state: 'started' });
      post({ step, state: 'ended', ms });
    },
  };
  const close = async () => {
    const open = [...boxes];
    boxes.clear();
    await Promise.allSettled(open.map((box) => box.close()));
  };
  return { scope, broken: () => broken, settled: postWaiting, beside, close };
}

/** Lowered limits are for strangers' code: a fetch box runs none. */
const limitsOf = (kind: 'sealed' | 'fetch', spec: AnySpec): CellLimits =>
  (kind === 'fetch' ? cellLimits : spec.limits);

function contextOf(spec: AnySpec, { step, msMax }: StepCommand): StepContext {
  return {
    step, limits: spec.limits, target: spec.kind === 'sdist' ? '' : spec.target,
    what: spec.kind === 'sdist' ? spec.source?.filename ?? spec.git?.url ?? '' : `${spec.project}==${spec.version}`,
    msMax: step === 'fetch' ? msMax : Math.min(msMax, spec.limits.stepMsMax),
  };
}

function stopIf(signal: AbortSignal): void {
  if (signal.aborted) throw new Stopped('stopped');
}
