/** First part of step requires: unpacks the sdist in the sealed box and installs the fetched wheels beside it. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { PrepareResult } from './shapes.ts';

/**
 * @param sdist its file name in the input folder; null when only more wheels are installed
 * @param target whose own interpreter the environment is of, where the image has it
 * @shape patches: unified diffs for the sdist; subdirectory: folder of the project in a clone
 */
export function prepareCommand(
  sdist: string | null, target: string | null = null,
  { patches = [], subdirectory = '' }: { readonly patches?: readonly string[] | undefined; readonly subdirectory?: string } = {},
): StepCommand {
  return scriptCommand({
    step: 'requires', script: 'prepare.py', name: 'prepare', msMax: limits.stepMsMax.requires,
    order: {
      ...(sdist === null ? {} : { sdist: inputPath(sdist) }), ...(subdirectory ? { subdirectory } : {}),
      src: place.src, bundle: place.bundle, wheels: place.wheels, env: place.env,
      ...(target === null ? {} : { target }), ...(patches.length === 0 ? {} : { patches }),
    },
  });
}

/** @errors FARM_SDIST_CORRUPT, _TRUNCATED, _CLIMBS, _TOO_BIG, FARM_PYPROJECT_BROKEN, FARM_DISK */
export const judgePrepare = judgeOf(PrepareResult);
