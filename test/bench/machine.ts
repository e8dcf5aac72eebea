import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { placesOf } from '../../infra/setup/places.ts';
import { postgresFolder } from '../../infra/setup/postgres.ts';
import { temporalBinary } from '../../infra/setup/temporal.ts';

const execute = promisify(execFile);

export interface BenchMachine {
  readonly cores: number;
  readonly model: string;
  readonly memoryBytes: number;
  /** Load of the last minute before and after: other work on the machine makes every number worse. */
  readonly load: { readonly before: number; readonly after: number };
}

export interface BenchVersions {
  readonly farm: string;
  readonly node: string;
  readonly temporal: string;
  readonly docker: string;
  readonly postgres: string;
  readonly pip: string;
}

/** The machine, with the load at the time of the call as both loads. */
export function machineNow(): BenchMachine {
  const load = Number((loadavg()[0] ?? 0).toFixed(2));
  return {
    cores: availableParallelism(), model: cpus()[0]?.model ?? 'unknown', memoryBytes: totalmem(),
      load: { before: load, after: load },
  };
}

/** The versions of everything that takes part; `none` for what is not there. */
export async function versionsNow(): Promise<BenchVersions> {
  const places = placesOf(process.env);
  const temporal = temporalBinary(places, process.env);
  const postgres = postgresFolder(places);
  const [farm, temporalSays, docker, postgresSays, pip] = await Promise.all([
    says('git', ['-C', places.root, 'describe', '--always', '--dirty', '--abbrev=12']),
    temporal ? says(temporal, ['--version']) : 'none',
    says('docker', ['version', '--format', '{{.Server.Version}}']),
    postgres ? says(join(postgres, 'bin', 'postgres'), ['--version']) : 'none',
    says('python3', ['-m', 'pip', '--version']),
  ]);
  return { farm, node: process.version, temporal: temporalSays, docker, postgres: postgresSays,
    pip: pip.split(' from ')[0] ?? pip };
}

async function says(command: string, args: readonly string[]): Promise<string> {
  return execute(command, [...args]).then(({ stdout }) => stdout.trim().split('\n')[0] ?? '', () => 'none');
}

/**
 * Proportional set size of a process: shared pages count once among their users.
 * @unit bytes; 0 where the process is gone
 */
export function memoryOf(pid: number): number {
  try {
    const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Memory of a process that no file stands for; much cheaper to ask for. @unit bytes; 0 where the process is gone */
export function anonymousOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return [...status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)].reduce((sum, [, kB]) => sum + Number(kB) * 1024, 0);
  } catch {
    return 0;
  }
}
