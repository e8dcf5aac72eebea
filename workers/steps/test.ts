/**
 * Step test. Native: pip and imports in the test image. For a foreign machine: `unpackCommand` in a box of the build
 * image (its pip is quick), the tar is carried over, and only the imports are made in the foreign test image.
 */
import type { TestOptions } from '../../orchestrator/domain/cell-options.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand, systemPython } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { TestResult, UnpackResult } from './shapes.ts';

export interface TestOrder {
  /** File name in the input folder. */
  readonly wheel: string;
  readonly msMax: number;
  /** The interpreter that tests, where it is not the system's. */
  readonly python?: string | undefined;
  /** The project's own tests, with the file name of its sdist in the input folder. */
  readonly suite?: { readonly sdist: string; readonly options: TestOptions } | undefined;
}

/** In a box of the test image, with the wheel and `place.bundle` in its input folder. */
export function nativeTestCommand({ wheel, msMax, python = systemPython, suite }: TestOrder): StepCommand {
  return scriptCommand({
    step: 'test', script: 'test.py', name: 'test', msMax, python,
    order: {
      mode: 'native', wheel: inputPath(wheel), bundle: place.bundle, wheels: place.wheels, env: place.testEnv,
      ...(suite === undefined ? {} : {
        suite: { sdist: inputPath(suite.sdist), src: place.src, cwd: place.suite, options: suite.options },
      }),
    },
  });
}

/** In the fetch box of the tool image, after the requirements were fetched; writes `place.siteTar`. */
export function unpackCommand({ wheel, msMax }: TestOrder): StepCommand {
  return scriptCommand({
    step: 'test', script: 'test.py', name: 'unpack', msMax,
    order: {
      mode: 'unpack', wheel: inputPath(wheel), bundle: place.bundle, wheels: place.wheels, site: place.site,
      siteTar: place.siteTar,
    },
  });
}

/** In a sealed box of the foreign test image, with `place.siteTar` put there. */
export function importsCommand(imports: readonly string[], msMax: number, python: string = systemPython): StepCommand {
  return scriptCommand({
    step: 'test', script: 'test.py', name: 'test', msMax, python,
    order: { mode: 'imports', imports, site: place.site, siteTar: place.siteTar },
  });
}

/** @errors FARM_TEST_IMPORT, FARM_TEST_TIMEOUT */
export const judgeTest = judgeOf(TestResult);
export const judgeUnpack = judgeOf(UnpackResult);
