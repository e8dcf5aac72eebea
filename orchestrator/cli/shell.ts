import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { FarmError, type Failure } from '../domain/failure.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import { newestBuild } from './build.ts';
import type { Command } from './command.ts';
import { readKept } from './group/kept.ts';

/** What stands on the command line. */
export interface ShellAsked {
  readonly project: string;
  readonly version: string;
  readonly target: string;
  /** Empty for an interactive shell. */
  readonly command: readonly string[];
}

export const command: Command = {
  usage: 'shell NAME==VERSION TARGET [-- COMMAND…]',
  help: [
    'Opens a cell of the newest build, as it was just before its build step: the same image, sdist, requirements,',
    'environment and limits, without network. The container is destroyed at the end.', '',
    '  NAME==VERSION  what was built, for example markupsafe==3.0.2',
    '  TARGET         the cell, for example cp311-manylinux_x86_64',
    '  COMMAND        what runs in it; a shell when absent. Its exit status is this command’s.',
  ],
  async act({ places, env }, argv) {
    const asked = readShell(argv);
    const client = clientOf(places);
    const build = await newestBuild(client, asked.project, asked.version, asked.target);
    const kept = readKept(places.home)!;   // clientOf has read it
    const words = [join(places.root, 'workers/shell.ts'), build.id, asked.target, ...asked.command];
    const plane = spawn(process.execPath, words, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: {
        ...env, FARM_URL: client.url, FARM_API_TOKEN: kept.secrets.apiToken, FARM_ID: kept.identity.farmId,
        FARM_WORKER_FOLDER: join(places.home, 'worker'),
      },
    });
    // It destroys its container before it ends; so this process waits for it, whatever comes.
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => plane.kill(name));
    let told: Failure | undefined;
    plane.on('message', (message) => { told = (message as { failure?: Failure }).failure; });
    const [code, signal] = await once(plane, 'exit') as [number | null, NodeJS.Signals | null];
    if (told) throw new FarmError(told);
    return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
  },
};

/** Reads the arguments; what stands after `--` is the command's. Pure. @errors FARM_BAD_REQUEST */
export function readShell(argv: readonly string[]): ShellAsked {
  const cut = argv.indexOf('--');
  const { positionals } = readArguments(cut < 0 ? argv : argv.slice(0, cut), {});
  const [what = '', target, ...rest] = positionals;
  const found = /^([^=\s]+)==([^=\s]+)$/.exec(what);
  if (!found || !target || rest.length > 0) throw wrongUse('shell needs NAME==VERSION and a TARGET');
  return { project: found[1]!, version: found[2]!, target, command: cut < 0 ? [] : argv.slice(cut + 1) };
}
