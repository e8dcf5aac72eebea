/** Step fetch: chooses and downloads wheels in a fetch box, before the cell is sealed. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { Locked } from '../../orchestrator/domain/plan.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { FetchResult } from './shapes.ts';

export interface FetchOrder {
  /** An sdist in the box's input folder: its build-system.requires are fetched too, and told in the result. */
  readonly sdist?: string;
  /** Folder of the project in the sdist's one top folder; of a clone. */
  readonly subdirectory?: string;
  /** A wheel in the box's input folder: what it requires at run time is fetched. */
  readonly wheel?: string;
  /** Extras of the wheel. */
  readonly extras?: readonly string[];
  /** Wheels in the box's input folder that stand beside those of the index. */
  readonly local?: readonly string[];
  readonly requirements?: readonly string[];
  /** An sdist in the box's input folder that has the files which requirements name by `-r`. */
  readonly filesIn?: string;
  /** A former lock: its projects keep their versions, and its files are not put into the bundle again. */
  readonly lock?: readonly Locked[];
  /** Whose tags and markers hold; null for the build machine's own interpreter (build requirements run there). */
  readonly interpreterOf: string | null;
  /** The cell's target: where its image has that target's own interpreter, build requirements run there. */
  readonly buildsFor?: string | null;
  readonly cutoff: string;
  /** Installed here, once for the cells that share them: `place.madeEnvironment` is written in the place of the files. */
  readonly installed?: boolean;
}

/** Writes the lock into the result and the files into `place.bundle`. */
export function fetchCommand(order: FetchOrder): StepCommand {
  const lock = order.lock ?? [];
  return scriptCommand({
    step: 'fetch', script: 'resolve.py', name: 'fetch', msMax: limits.stepMsMax.fetch,
    order: {
      ...(order.sdist === undefined ? {} : { sdist: inputPath(order.sdist) }),
      ...(order.subdirectory ? { subdirectory: order.subdirectory } : {}),
      ...(order.filesIn === undefined ? {} : { filesIn: inputPath(order.filesIn) }),
      ...(order.wheel === undefined ? {} : { wheel: inputPath(order.wheel) }),
      ...(order.interpreterOf === null ? {} : { target: order.interpreterOf }),
      ...(order.buildsFor ? { buildsFor: order.buildsFor } : {}),
      local: (order.local ?? []).map(inputPath), extras: order.extras ?? [], requirements: order.requirements ?? [],
      constraints: lock.map(({ name, version }) => `${name}==${version}`),
      have: lock.map(({ filename }) => filename),
      cutoff: order.cutoff, out: place.fetched,
      ...(order.installed ? { env: place.env, bundle: place.madeEnvironment } : { bundle: place.bundle }),
    },
  });
}

/** @errors FARM_REQUIREMENT_*, FARM_FETCH_FAILED, FARM_DIGEST_MISMATCH, FARM_PYPROJECT_BROKEN */
export const judgeFetch = judgeOf(FetchResult);
