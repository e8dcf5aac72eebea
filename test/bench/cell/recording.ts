/** Writes down what a backend is asked for, as a shell script of plain docker commands that does the same again. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { limits } from '../../../orchestrator/contract/limits.ts';
import { containerOptions } from '../../../workers/backend/box-spec.ts';
import type { HostNetwork } from '../../../workers/backend/host-network.ts';
import { packFiles } from '../../../workers/backend/pack.ts';
import type { Backend, Box, BoxOrder } from '../../../workers/backend/types.ts';

export interface Recording {
  readonly wrap: (backend: Backend, network: HostNetwork) => Backend;
  /** Starts the script of an activity; what was recorded before goes to `path` when `end` is called. */
  begin(): { end(path: string): Promise<void> };
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
const words = (argv: readonly string[]): string => argv.map(quoted).join(' ');

/** @shape folder: where the tars that were put into boxes are kept */
export function recording(folder: string): Recording {
  let lines: string[] = [];
  let boxes = 0;
  let puts = 0;

  async function openLine(name: string, box: Box, order: BoxOrder, network: HostNetwork): Promise<string> {
    const { stdout } = await promisify(execFile)('docker', ['inspect', '--format', '{{.Image}}', box.id]);
    return `${name}=$(docker run -d ${words(runFlags(order, stdout.trim(), network))} sleep infinity)`;
  }

  function recorded(name: string, box: Box): Box {
    return {
      id: box.id,
      async put(files) {
        const tar = join(folder, `put-${puts += 1}.tar`);
        const file = createWriteStream(tar);
        packFiles(files, file);
        await finished(file);
        lines.push(`docker exec -i -u 1000:1000 $${name} tar -x -C / -f - < ${quoted(tar)}`);
        await box.put(files);
      },
      run(command, onLog, signal) {
        const environment = Object.entries(command.environment).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
        const inner = ['sh', '-c', 'umask 022; mkdir -p "$HOME" "$TMPDIR"; exec "$@"', 'sh', ...command.argv];
        lines.push(`docker exec -u 1000:1000 -w ${quoted(command.workingFolder)} ${words(environment)} $${name} `
          + `${words(inner)} > /dev/null 2>&1`);
        return box.run(command, onLog, signal);
      },
      take(path, toFile, bytesMax) {
        lines.push(`docker exec -u 1000:1000 $${name} sh -c 'kill -9 -1 2>/dev/null; exec cat "$1"' sh `
          + `${quoted(path)} > "$TAKEN/$${name}"`);
        return box.take(path, toFile, bytesMax);
      },
      close() {
        lines.push(`docker rm -f $${name} > /dev/null`);
        return box.close();
      },
    };
  }

  return {
    wrap: (backend, network) => ({
      ...backend,
      async open(order) {
        const box = await backend.open(order);
        const name = `BOX${boxes += 1}`;
        lines.push(await openLine(name, box, order, network));
        return recorded(name, box);
      },
    }),
    begin() {
      lines = [];
      return {
        end: (path) => writeFile(path, ['set -eu', 'TAKEN=$(mktemp -d)', ...lines, 'rm -rf "$TAKEN"', ''].join('\n')),
      };
    },
  };
}

/** The options of a box as `docker run` spells them. */
function runFlags(order: BoxOrder, image: string, network: HostNetwork): string[] {
  const { Env: environment = [], HostConfig: host = {}, Hostname: hostname = '' } = containerOptions(
    order, image, { farmId: 'bench', workerId: 'bench-shell' }, network, limits.cellCpus);
  return [
    '--hostname', hostname, '--user', '0:0', '--workdir', '/', '--entrypoint', '', '--init', '--read-only',
      '--log-driver', 'none',
    '--network', String(host.NetworkMode), '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--pids-limit',
      String(host.PidsLimit),
    '--memory', String(host.Memory), '--memory-swap', String(host.MemorySwap), '--cpus',
      String((host.NanoCpus ?? 0) / 1e9),
    ...Object.entries(host.Tmpfs ?? {}).flatMap(([path, options]) => ['--tmpfs', `${path}:${options}`]),
    ...(host.Binds ?? []).flatMap((bind) => ['-v', bind]),
    ...environment.flatMap((one) => ['-e', one]),
    '--label', 'wheelfarm.bench=shell', image,
  ];
}
