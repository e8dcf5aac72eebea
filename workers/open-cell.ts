/** Opens a cell for a person: its image, sdist, locked requirements and limits, up to just before its step. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { CellInputs } from '../orchestrator/contract/api.ts';
import { cellLimits } from '../orchestrator/contract/limits.ts';
import type { BuildOptions } from '../orchestrator/domain/cell-options.ts';
import { fail, FarmError } from '../orchestrator/domain/failure.ts';
import type { Failure } from '../orchestrator/domain/failure.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import type { Backend, Box, StepCommand } from './backend/types.ts';
import type { CellDoor } from './cell-door.ts';
import { bundleBytesMax } from './requirements.ts';
import type { JudgeFor } from './scope.ts';
import type { Script } from './scripts.ts';
import { inputPath, place } from './steps/box-layout.ts';
import { buildCommand } from './steps/build.ts';
import { environmentCommand, judgeEnvironment } from './steps/environment.ts';
import { fetchCommand, judgeFetch } from './steps/fetch.ts';
import { judgePrepare, prepareCommand } from './steps/prepare.ts';
import { requiresCommand } from './steps/requires.ts';

export interface OpenPorts {
  readonly cell: CellDoor;
  readonly backend: Backend;
  readonly scripts: readonly Script[];
  /** For files on their way. */
  readonly folder: string;
  /** Tells what is being done. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface OpenCell {
  readonly box: Box;
  readonly inputs: CellInputs;
  /** What is installed: the cell's lock, or where there is none what its build requires. */
  readonly installed: readonly Locked[];
  /** Why nothing could be installed; null where it was. */
  readonly notInstalled: Failure | null;
  /** What the build backend sees. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A script in the box that does the cell's step again. */
export const againScript = '/work/again.sh';

/**
 * Opens the cell. The caller closes the backend's boxes, also after an error.
 * @errors FARM_NOT_FOUND, FARM_DIGEST_MISMATCH (a requirement has other bytes now), FARM_REQUIREMENT_* and
 *   FARM_FETCH_FAILED (one is gone), FARM_IMAGE_MISSING, FARM_DOCKER_DOWN, FARM_NO_SPACE, and those of step requires
 */
export async function openCell(ports: OpenPorts): Promise<OpenCell> {
  const { cell, backend, scripts, say } = ports;
  const inputs = await cell.inputs();
  const { image, source, target, limits, project, version, sourceDateEpoch } = inputs;
  await loadImage(ports, inputs);
  const file = await cell.input(source);
  const fetched = await fetchInputs(ports, inputs, file);
  const box = await backend.open({ image, kind: 'sealed', limits });
  await box.put([
    ...scripts, { path: inputPath(source.filename), bytes: { file } }, { path: place.bundle, bytes: fetched.bundle },
    ...(fetched.targetBundle === undefined ? [] : [{ path: place.targetBundle, bytes: fetched.targetBundle }]),
  ]);
  say('unpacking the sdist, making the build environment');
  const options = inputs.options as BuildOptions | undefined;
  const { buildSystem } = await step(ports, inputs,
    { box, command: prepareCommand(source.filename, target, { patches: options?.patches }), judge: judgePrepare });
  if (buildSystem === undefined) throw new Error('the prepare step told no build system');
  // Its commands are part of the script that does the step again.
  const hook = { buildSystem, target, sourceDateEpoch, options };
  const { environment } = await step(ports, inputs,
    { box, command: environmentCommand(hook), judge: judgeEnvironment });
  const again = inputs.failure?.step === 'requires' ? requiresCommand(hook)
    : buildCommand({ ...hook, project, version, msMax: limits.stepMsMax });
  await box.put([{ path: againScript, mode: 0o755, bytes: Buffer.from(scriptOf(again)) }]);
  return { box, inputs, installed: fetched.lock, notInstalled: fetched.failure, environment };
}

async function loadImage({ cell, backend, say }: OpenPorts, { image }: CellInputs): Promise<void> {
  let loaded = false;
  await backend.ensureImage(image, async () => {
    loaded = true;
    say(`loading image ${image.name}`);
    return createReadStream(await cell.input({ sha256: image.tarSha256, bytes: image.bytes }));
  });
  if (loaded) await cell.forget(image.tarSha256);
}

interface Fetched {
  readonly lock: readonly Locked[];
  /** A tar of the wheels. */
  readonly bundle: { readonly file: string } | Uint8Array;
  /** A tar of wheels for the target, whose headers are compiled against. */
  readonly targetBundle?: { readonly file: string } | Uint8Array;
  readonly failure: Failure | null;
}

const emptyTar = new Uint8Array(1024);

/**
 * The wheels of the lock, again, with the same bytes. A cell that failed before its requirements were locked gets what
 * the first of its steps chose, by the same time; where that is what failed, nothing is installed.
 */
async function fetchInputs(ports: OpenPorts, inputs: CellInputs, sdist: string): Promise<Fetched> {
  const { lock, cutoff, source } = inputs;
  const order = { interpreterOf: null, buildsFor: inputs.target, cutoff };
  if (lock.length > 0) {
    ports.say('fetching the locked requirements');
    const { installed, headers } = splitLock(lock);
    const fetched = await fetchLocked(ports, inputs, { lock: installed, interpreterOf: null, name: 'wheels' });
    if (headers.length === 0) return fetched;
    const ofTarget = await fetchLocked(ports, inputs, { lock: headers, interpreterOf: inputs.target, name: 'target-wheels' });
    return { ...fetched, targetBundle: ofTarget.bundle };
  }
  try {
    ports.say('fetching what the build requires');
    return await fetchWheels(ports, inputs, { command: fetchCommand({ ...order, sdist: source.filename }), sdist });
  } catch (error) {
    if (!(error instanceof FarmError) || inputs.failure?.step !== 'fetch') throw error;
    return { lock: [], bundle: emptyTar, failure: error.failure };
  }
}

/** @errors FARM_DIGEST_MISMATCH where a file of the lock is another one now */
async function fetchLocked(
  ports: OpenPorts, inputs: CellInputs,
  { lock, interpreterOf, name }: { lock: readonly Locked[]; interpreterOf: string | null; name: string },
): Promise<Fetched> {
  const requirements = lock.map((one) => `${one.name}==${one.version}`);
  const command = fetchCommand({ interpreterOf, cutoff: inputs.cutoff, requirements });
  const fetched = await fetchWheels(ports, inputs, { command, name });
  const other = differenceOf(lock, fetched.lock);
  if (other !== null) fail('FARM_DIGEST_MISMATCH', 'fetch', other);
  return fetched;
}

/** A project that stands twice in a lock: what is installed, and after it the wheel for the target with its headers. Pure. */
export function splitLock(lock: readonly Locked[]): { installed: readonly Locked[]; headers: readonly Locked[] } {
  const isSecond = (one: Locked, at: number) => lock.findIndex(({ name }) => name === one.name) < at;
  return { installed: lock.filter((one, at) => !isSecond(one, at)), headers: lock.filter(isSecond) };
}

async function fetchWheels(
  ports: OpenPorts, inputs: CellInputs, { command, sdist, name = 'wheels' }: { command: StepCommand; sdist?: string; name?: string },
): Promise<Fetched> {
  const box = await ports.backend.open({ image: inputs.image, kind: 'fetch', limits: cellLimits });
  try {
    await box.put([
      ...ports.scripts,
      ...(sdist === undefined ? [] : [{ path: inputPath(inputs.source.filename), bytes: { file: sdist } }]),
    ]);
    const { lock } = await step(ports, inputs, { box, command, judge: judgeFetch });
    const file = join(ports.folder, `${name}.tar`);
    await box.take(place.bundle, file, bundleBytesMax);
    return { lock, bundle: { file }, failure: null };
  } finally {
    await box.close();
  }
}

/** @errors FarmError with the judge's failure */
async function step<T>(
  { signal }: OpenPorts, { project, version, target, limits }: CellInputs,
  { box, command, judge }: { box: Box; command: StepCommand; judge: JudgeFor<T> },
): Promise<T> {
  const exit = await box.run(command, () => undefined, signal);
  const context = { step: command.step, what: `${project}==${version}`, target, limits, msMax: command.msMax };
  const verdict = judge(context)(exit);
  if (!verdict.ok) throw new FarmError(verdict.failure);
  return verdict.value;
}

/**
 * The first file of the lock that was not fetched with the same bytes, as the words of FARM_DIGEST_MISMATCH, or one
 * that came beside them; null where all are the same. Pure.
 */
export function differenceOf(
  lock: readonly Locked[], fetched: readonly Locked[],
): { file: string; found: string; expected: string } | null {
  const found = new Map(fetched.map((one) => [one.filename, one.sha256]));
  const changed = lock.find(({ filename, sha256 }) => found.get(filename) !== sha256);
  if (changed !== undefined) {
    const { filename, sha256 } = changed;
    return { file: filename, found: found.get(filename) ?? 'none: the index gives another file', expected: sha256 };
  }
  const locked = new Set(lock.map(({ filename }) => filename));
  const extra = fetched.find(({ filename }) => !locked.has(filename));
  return extra === undefined ? null
    : { file: extra.filename, found: extra.sha256, expected: 'any: it was not among the locked files' };
}

/** A command as a shell script. Pure. */
export function scriptOf({ argv, workingFolder, step: name }: StepCommand): string {
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return ['#!/bin/sh', `# Step ${name} of this cell, as the farm does it.`,
    `cd ${workingFolder} && exec ${quoted.join(' ')}`, ''].join('\n');
}
