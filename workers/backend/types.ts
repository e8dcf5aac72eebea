/**
 * What a backend (something that runs containers) promises. The scripted backend obeys the same laws.
 *
 * Laws: a box is fresh, used for one attempt and destroyed by `close`, also after a crash of the worker (by label).
 * `run` never throws for what a stranger's code did: it says how the command ended. It throws `FarmError` with blame
 * farm (FARM_DOCKER_DOWN, FARM_CONTAINER_BROKE, FARM_IMAGE_MISSING, FARM_NO_SPACE) when the farm broke.
 */
import type { CellLimits } from '../../orchestrator/contract/limits.ts';
import type { ImageInput } from '../../orchestrator/contract/worker.ts';
import type { Failure, Step } from '../../orchestrator/domain/failure.ts';

export interface BoxOrder {
  readonly image: ImageInput;
  /**
   * `sealed`: no network, read-only root, all capabilities dropped, user 1000, tmpfs /work counted with memory.
   * `fetch`: the same with network, the host's CA certificates and pip configuration; no stranger's code runs in it.
   */
  readonly kind: 'sealed' | 'fetch';
  readonly limits: CellLimits;
}

/** How a command ended. `exit` only where nothing else stopped it first. */
export type Ended = 'exit' | 'timeout' | 'silent' | 'flood' | 'memory' | 'disk' | 'pids' | 'cancelled';

export interface StepCommand {
  readonly step: Step;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  /** A file that the command writes as JSON (read after it ended, also when it failed); null for none. */
  readonly resultFile: string | null;
  readonly msMax: number;
}

export interface StepExit {
  readonly ended: Ended;
  readonly code: number | null;
  /** Parsed `resultFile`; null when there is none or it does not parse. Strangers' code could have written it. */
  readonly result: unknown;
  /** The last 64 KiB that it printed, stdout and stderr together. */
  readonly logTail: string;
  readonly ms: number;
}

export interface PutFile {
  readonly path: string;
  readonly bytes: Uint8Array | { readonly file: string } | NodeJS.ReadableStream;
  readonly mode?: number;
}

export interface Box {
  readonly id: string;
  /** Puts files into the box, by tar over exec; before or between commands. Paths are absolute. */
  put(files: readonly PutFile[]): Promise<void>;
  run(command: StepCommand, onLog: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<StepExit>;
  /** Kills every other process of the box, then copies one file out to a host file, within `bytesMax`. */
  take(path: string, toFile: string, bytesMax: number): Promise<{ bytes: number }>;
  close(): Promise<void>;
}

export interface Backend {
  /** True with the reason when it can take boxes now. */
  ready(): Promise<{ ok: true } | { ok: false; why: string }>;
  /** Loads the image's root tar when it is not there. */
  ensureImage(image: ImageInput, open: () => Promise<NodeJS.ReadableStream>): Promise<void>;
  open(order: BoxOrder): Promise<Box>;
  /** Creates boxes ahead, so that `open` answers from a started container. */
  prepare(order: BoxOrder): void;
  /** Destroys every box of this worker, those of an earlier process too. */
  closeAll(): Promise<void>;
}

/** A step's verdict on how its command ended. */
export type Judge = (exit: StepExit) => { ok: true; value: unknown } | { ok: false; failure: Failure };
