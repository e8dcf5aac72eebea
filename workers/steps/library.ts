/** An external library: its source fetched, then compiled for a target in a sealed box. Part of step requires. */
import { basename } from 'node:path';
import type { Library } from '../../images/libraries.ts';
import { limits } from '../../orchestrator/contract/limits.ts';
import type { BuildSpec } from '../../orchestrator/contract/worker.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { LibraryResult } from './shapes.ts';

/** @param archive address of a Debian archive */
export function sourceCommand({ source }: Library, archive: string): StepCommand {
  return scriptCommand({
    step: 'fetch', script: 'library.py', name: 'library-source', msMax: limits.stepMsMax.fetch,
    order: {
      mode: 'fetch', url: `${archive.replace(/\/$/, '')}/${source.path}`, sha256: source.sha256,
      out: inputPath(basename(source.path)),
    },
  });
}

/** Writes `place.libraryTar`, whose members lie below `place.external` in the end. */
export function compileCommand({ name, source }: Library, { target, sourceDateEpoch }: BuildSpec): StepCommand {
  return scriptCommand({
    step: 'requires', script: 'library.py', name: 'library', msMax: limits.stepMsMax.build,
    order: {
      mode: 'compile', name, source: inputPath(basename(source.path)), script: inputPath('build.sh'), target, sourceDateEpoch,
      external: place.externalBundles, prefix: place.external, out: place.libraryTar,
    },
  });
}

/** @errors FARM_EXTERNAL_FAILED, FARM_FETCH_FAILED, FARM_DIGEST_MISMATCH */
export const judgeLibrary = judgeOf(LibraryResult);
