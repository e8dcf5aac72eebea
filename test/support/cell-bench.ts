/** Cells from sdist to audited wheel with real images and Docker, and no control plane: the door is in memory. */
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import Docker from 'dockerode';
import { ensureImages } from '../../images/make.ts';
import type { ImageRecord } from '../../images/types.ts';
import { cellLimits } from '../../orchestrator/contract/limits.ts';
import type { BuildOutcome, BuildSpec, LockReport, Outcome } from '../../orchestrator/contract/worker.ts';
import { dockerBackend } from '../../workers/backend/docker.ts';
import { readHostNetwork } from '../../workers/backend/host-network.ts';
import type { ControlDoor, LeaseDoor } from '../../workers/control-door.ts';
import { fetchStore } from '../../workers/fetch-store.ts';
import { libraryPorts } from '../../workers/libraries.ts';
import { digestOf } from '../../workers/input-cache.ts';
import { runBuild } from '../../workers/run-attempt.ts';
import { loadScripts } from '../../workers/scripts.ts';

export interface BenchOrder {
  /** Path of the sdist, `<name>-<version>.tar.gz`. */
  readonly sdist: string;
  readonly target: string;
  readonly image: string;
  readonly row?: BuildSpec['row'];
}

export interface BenchCell {
  readonly outcome: Outcome | null;
  readonly log: string;
  readonly lock: LockReport['lock'];
  /** The audited wheel; null where there is none. */
  readonly wheel: string | null;
}

export interface CellBench {
  build(order: BenchOrder): Promise<BenchCell>;
  close(): Promise<void>;
}

/**
 * @param folder scratch; wheels stay in it
 * @param recordOf finds an image; makes it where it is not there or not current
 */
export async function cellBench(
  folder: string, cacheFolder: string,
  recordOf: (name: string) => Promise<ImageRecord> = async (name) => (await ensureImages({ names: [name], cacheFolder }))[0]!,
): Promise<CellBench> {
  const docker = new Docker();
  const workerId = `bench-${process.pid}`;
  const backend = dockerBackend({ docker, workerId, farmId: 'test', network: await readHostNetwork(process.env) });
  const scripts = await loadScripts();
  await mkdir(folder, { recursive: true });
  const fetches = fetchStore(join(folder, 'fetched'), (key) => createHash('sha256').update(key).digest('hex'));
  const libraries = await libraryPorts(join(folder, 'libraries'), process.env['WHEELFARM_DEBIAN_MIRROR']);
  let ids = 0;

  async function build({ sdist, target, image, row }: BenchOrder): Promise<BenchCell> {
    const record = await recordOf(image);
    const { sha256, bytes } = await digestOf(sdist);
    const [, project = '', version = ''] = /^(.*)-([^-]+)\.tar\.gz$/.exec(basename(sdist)) ?? [];
    const spec: BuildSpec = {
      kind: 'build', attemptId: 'bench', project, version, target, python: record.python,
      image: { name: record.name, key: record.key, tarSha256: record.tarSha256, bytes: record.bytes },
      source: { sha256, filename: basename(sdist), bytes }, sourceDateEpoch: 1_700_000_000,
      cutoff: '2100-01-01T00:00:00Z', limits: { ...cellLimits }, ...(row ? { row } : {}),
    };
    const cell: { outcome: Outcome | null; log: string; lock: LockReport['lock']; wheel: string | null } =
      { outcome: null, log: '', lock: [], wheel: null };
    const kept = join(folder, `cell${ids += 1}`);
    await mkdir(kept);
    const lease: LeaseDoor = {
      input: async (blob) => (blob.sha256 === sha256 ? sdist : record.tarPath),
      content: async () => ({ file: sdist }),
      forget: async () => undefined,
      output: async (file) => void await copyFile(file, cell.wheel = join(kept, 'wheel')),
      async log(offset, part) { cell.log += new TextDecoder().decode(part); return offset + part.length; },
      events: async () => undefined,
      async lock(report) { cell.lock = report.lock; return { attemptKey: 'f'.repeat(64), known: false }; },
      async outcome(outcome, { log, output }) {
        cell.outcome = outcome;
        if (log) cell.log += new TextDecoder().decode(log.bytes);
        if (output) await writeFile(cell.wheel = join(kept, 'wheel'), output.bytes);
      },
    };
    const door: ControlDoor = { lease: async () => ({ leaseId: 'l', secret: 's', logOffset: 0, spec }), of: () => lease };
    await backend.ensureImage(spec.image, async () => createReadStream(record.tarPath));
    await runBuild(
      { door, backend, scripts, libraries, workerId, scratch: join(folder, 'scratch'), fetches, clock: () => new Date(), newId: () => `bench${ids += 1}` },
      { number: 1, signal: new AbortController().signal, why: () => 'cancelled', heartbeat: () => undefined },
      { buildId: 'bench', target });
    return cell;
  }

  return { build, close: () => backend.closeAll() };
}

/** The outcome of a cell that must have succeeded; else its log stands in the error. */
export function succeeded({ outcome, log }: BenchCell): Extract<BuildOutcome, { state: 'succeeded' }> {
  if (outcome?.kind === 'build' && outcome.state === 'succeeded') return outcome;
  throw new Error(`the cell ended as ${JSON.stringify(outcome)}\n${log.slice(-6000)}`);
}

/** Bytes of the cell's wheel. */
export const wheelBytes = (cell: BenchCell): Promise<Buffer> => readFile(cell.wheel!);
