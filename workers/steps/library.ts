/** An external library: its source fetched, then compiled for a target in a sealed box. Part of step requires. */
import { basename } from 'node:path';
import { linkageOf } from '../../images/libraries.ts';
import type { ArchiveFile, Library } from '../../images/libraries.ts';
import { limits } from '../../orchestrator/contract/limits.ts';
import type { BuildSpec } from '../../orchestrator/contract/worker.ts';
import { platformOf } from '../../orchestrator/domain/plan.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { LibraryResult } from './shapes.ts';

/** @param archive address of a Debian archive */
export function sourceCommand({ path, sha256 }: ArchiveFile, archive: string): StepCommand {
  return scriptCommand({
    step: 'fetch', script: 'library.py', name: 'library-source', msMax: limits.stepMsMax.fetch,
    order: { mode: 'fetch', url: `${archive.replace(/\/$/, '')}/${path}`, sha256, out: inputPath(basename(path)) },
  });
}

/** Writes `place.libraryTar`, whose members lie below `place.external` in the end. */
export function compileCommand({ name, source, tools = [] }: Library, { target, sourceDateEpoch }: BuildSpec): StepCommand {
  return scriptCommand({
    step: 'requires', script: 'library.py', name: 'library', msMax: limits.stepMsMax.build,
    order: {
      mode: 'compile', name, source: inputPath(basename(source.path)), script: inputPath('build.sh'), target, sourceDateEpoch,
      external: place.externalBundles, prefix: place.external, out: place.libraryTar,
      linkage: linkageOf(platformOf(target)), tools: tools.map(({ path }) => inputPath(basename(path))),
    },
  });
}

/** @errors FARM_EXTERNAL_FAILED, FARM_FETCH_FAILED, FARM_DIGEST_MISMATCH */
export const judgeLibrary = judgeOf(LibraryResult);
