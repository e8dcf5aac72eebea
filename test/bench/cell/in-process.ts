/** A worker in the benchmark's own process: the farm's steps in the farm's boxes, with nothing behind the door. */
import { createHash, randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { cellLimits } from '../../../orchestrator/contract/limits.ts';
import type {
  BlobInput, BuildSpec, ImageInput, Outcome, StepEvent, TestSpec,
} from '../../../orchestrator/contract/worker.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import { matchesGlob, type Policy } from '../../../orchestrator/domain/plan.ts';
import { dockerBackend } from '../../../workers/backend/docker.ts';
import { readHostNetwork, type HostNetwork } from '../../../workers/backend/host-network.ts';
import type { Backend } from '../../../workers/backend/types.ts';
import { fetchStore } from '../../../workers/fetch-store.ts';
import { runBuild } from '../../../workers/run-attempt.ts';
import { runTest } from '../../../workers/run-test.ts';
import type { Delivery, WorkerPorts } from '../../../workers/scope.ts';
import { libraryPorts } from '../../../workers/libraries.ts';
import { loadScripts } from '../../../workers/scripts.ts';

/** A catalogue row as images/catalogue.json has it. */
export interface Row {
  readonly target: string; readonly python: string; readonly image: string; readonly testImage: string | null;
  readonly test: 'native' | 'qemu' | 'none';
}

export interface Sdist {
  readonly project: string; readonly version: string; readonly file: string; readonly filename: string;
}

/** How one activity went. `ms` by step, the last of each name; `wall` from lease to outcome. */
export interface Went {
  readonly outcome: Outcome;
  readonly steps: Readonly<Record<string, number>>;
  readonly wallMs: number;
  /** The wheel as it was put; null for a test. */
  readonly wheel: { readonly file: string; readonly blob: BlobInput } | null;
}

export interface InProcess {
  readonly network: HostNetwork;
  build(row: Row, sdist: Sdist): Promise<Went>;
  test(row: Row, sdist: Sdist, wheel: NonNullable<Went['wheel']>): Promise<Went>;
  close(): Promise<void>;
}

export interface InProcessOptions {
  readonly folder: string;
  /** Holds <name>/record.json of the images; the cache's own where absent. */
  readonly images?: string;
  /** Wraps the Docker backend, to look at what is asked of it. */
  readonly wrap?: (backend: Backend, network: HostNetwork) => Backend;
}

const workerId = `bench-${process.pid}`;
export const cutoff = `${new Date().toISOString().slice(0, 19)}Z`;

export async function inProcess({
  folder, images = join(placesOf(process.env).cache, 'images'), wrap = (backend) => backend,
}: InProcessOptions): Promise<InProcess> {
  await mkdir(join(folder, 'scratch'), { recursive: true });
  const network = await readHostNetwork(process.env);
  const backend = wrap(dockerBackend({ docker: new Docker(), workerId, farmId: 'bench', network }), network);
  const scripts = await loadScripts();
  const libraries = await libraryPorts(join(folder, 'libraries'), process.env['WHEELFARM_DEBIAN_MIRROR']);
  const fetches = fetchStore(join(folder, 'fetched'), (key) => createHash('sha256').update(key).digest('hex').slice(0,
    40));

  async function imageOf(name: string): Promise<ImageInput> {
    const { key, tarSha256, bytes } = JSON.parse(await readFile(join(images, name, 'record.json'),
      'utf8')) as ImageInput;
    return { name, key, tarSha256, bytes };
  }

  async function went(spec: BuildSpec | TestSpec, files: ReadonlyMap<string, string>): Promise<Went> {
    const events: StepEvent[] = [];
    const outcomes: Outcome[] = [];
    let wheel: string | null = null;
    let log = '';
    const door: WorkerPorts['door'] = {
      lease: async () => ({ leaseId: 'bench', secret: 'bench', logOffset: 0, spec }),
      of: () => ({
        input: async ({ sha256 }) => files.get(sha256) ?? sha256,
        content: async ({ sha256 }) => ({ file: files.get(sha256) ?? sha256 }),
        forget: async () => undefined,
        async output(file) { wheel = join(folder, randomUUID()); await copyFile(file, wheel); },
        async log(offset, bytes) { log += new TextDecoder().decode(bytes); return offset + bytes.length; },
        events: async (some) => void events.push(...some),
        lock: async () => ({ attemptKey: '0'.repeat(64), known: false }),
        async outcome(outcome, beside) {
          if (beside.output) {
            wheel = join(folder, randomUUID());
            await writeFile(wheel, beside.output.bytes);
          }
          events.push(...beside.events);
          if (beside.log) log += new TextDecoder().decode(beside.log.bytes);
          outcomes.push(outcome);
        },
      }),
    };
    const ports: WorkerPorts = {
      door, backend, fetches, libraries, scripts, workerId, scratch: join(folder, 'scratch'), clock: () => new Date(),
        newId: randomUUID,
    };
    const delivery: Delivery = { number: 1, signal: new AbortController().signal, why: () => 'gone',
      heartbeat: () => undefined };
    const began = performance.now();
    await (spec.kind === 'build' ? runBuild : runTest)(ports, delivery, { buildId: 'bench', target: spec.target });
    const wallMs = performance.now() - began;
    const [outcome] = outcomes;
    const good = outcome && (outcome.kind === 'test' ? 'tested' in outcome && outcome.tested === 'passed'
      : outcome.state === 'succeeded');
    if (!good) throw new Error(`${spec.kind} of ${spec.target}: ${JSON.stringify(outcome)}\n${log.slice(-3_000)}`);
    const blob = outcome.kind === 'build' && outcome.state === 'succeeded' ? outcome.wheel : null;
    return {
      outcome, wallMs, wheel: wheel && blob ? { file: wheel, blob } : null,
      steps: Object.fromEntries(events.flatMap(({ step, ms }) => (ms === undefined ? [] : [[step, ms]]))),
    };
  }

  const common = ({ project, version }: Sdist, row: Row) =>
    ({ attemptId: randomUUID(), project, version, target: row.target, python: row.python, cutoff,
      limits: { ...cellLimits }, row: { ...row } });
  return {
    network,
    async build(row, sdist) {
      const source = { sha256: `sdist of ${sdist.filename}`, filename: sdist.filename,
        bytes: (await stat(sdist.file)).size };
      return went({ ...common(sdist, row), kind: 'build', image: await imageOf(row.image), source,
        sourceDateEpoch: 1_700_000_000 },
        new Map([[source.sha256, sdist.file]]));
    },
    async test(row, sdist, wheel) {
      if (row.testImage === null || row.test === 'none') throw new Error(`${row.target} has no test`);
      return went({
        ...common(sdist, row), kind: 'test', runner: row.test, image: await imageOf(row.testImage),
          toolImage: await imageOf(row.image),
        wheel: wheel.blob,
      }, new Map([[wheel.blob.sha256, wheel.file]]));
    },
    close: () => backend.closeAll(),
  };
}

const readImages = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(join(placesOf(process.env).root, 'images', name), 'utf8')) as T;

/** All rows of the checkout's catalogue. */
export const allRows = (): Promise<readonly Row[]> => readImages<Row[]>('catalogue.json');

/** The rows of the default targets, whose images set-up makes. */
export async function catalogueRows(): Promise<readonly Row[]> {
  const { default: globs } = await readImages<Policy>('policy.json');
  return (await allRows()).filter(({ target }) => globs.some((glob) => matchesGlob(glob, target)));
}
