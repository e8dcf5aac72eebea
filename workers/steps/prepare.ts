/** First part of step requires: unpacks the sdist in the sealed box and installs the fetched wheels beside it. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { PrepareResult } from './shapes.ts';

/**
 * @param sdist its file name in the input folder; null when only more wheels are installed
 * @param target whose own interpreter the environment is of, where the image has it
 * @shape patches: unified diffs for the sdist; subdirectory: folder of the project in a clone; made: the environment was
 *   put there as the fetch box has made it, else the wheels for it; hook: the members of requires.ts's order without a build system, asked where nothing has to be put
 *   into the box before
 */
export function prepareCommand(
  sdist: string | null, target: string | null = null,
  { patches = [], subdirectory = '', made = false, hook }: {
    readonly patches?: readonly string[] | undefined; readonly subdirectory?: string; readonly made?: boolean;
    readonly hook?: Readonly<Record<string, unknown>> | undefined;
  } = {},
): StepCommand {
  return scriptCommand({
    step: 'requires', script: 'prepare.py', name: 'prepare', msMax: limits.stepMsMax.requires,
    order: {
      ...(sdist === null ? {} : { sdist: inputPath(sdist) }), ...(subdirectory ? { subdirectory } : {}),
      src: place.src, ...(made ? { made: place.madeEnvironment } : { bundle: place.bundle, wheels: place.wheels }), env: place.env,
      ...(target === null ? {} : { target }), ...(patches.length === 0 ? {} : { patches }), ...(hook ? { hook } : {}),
    },
  });
}

/** @errors FARM_SDIST_CORRUPT, _TRUNCATED, _CLIMBS, _TOO_BIG, FARM_PYPROJECT_BROKEN, FARM_DISK */
export const judgePrepare = judgeOf(PrepareResult);
