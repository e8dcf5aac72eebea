/** Step fetch of a repository: cloned at one commit in a fetch box, in which nothing of the repository runs. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { GitSpec } from '../../orchestrator/contract/worker.ts';
import type { StepCommand } from '../backend/types.ts';
import { place, scriptCommand, systemPython } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { CloneResult } from './shapes.ts';

/** What clone.py takes out of its environment before it starts anything. */
const authorizationVariable = 'WHEELFARM_GIT_AUTHORIZATION';

/** Leaves the clone with its history as `place.clone`. A credential goes by environment: command lines are seen and kept. */
export function cloneCommand({ url, commit, subdirectory, authorization }: GitSpec): StepCommand {
  const command = scriptCommand({
    step: 'fetch', script: 'clone.py', name: 'clone', msMax: limits.cloneMsMax, python: systemPython,
    order: {
      url, commit, subdirectory, folder: place.cloned, out: place.clone,
      bytesMax: limits.cloneBytesMax, submodulesMax: limits.submodulesMax,
    },
  });
  return authorization === undefined ? command : { ...command, environment: { ...command.environment, [authorizationVariable]: authorization } };
}

/** @errors FARM_REPOSITORY_UNKNOWN, _NO_PROJECT, FARM_COMMIT_GONE, FARM_CLONE_FAILED, _TOO_BIG, FARM_SUBMODULE_REFUSED */
export const judgeClone = judgeOf(CloneResult);
