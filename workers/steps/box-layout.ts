/** Where things lie in a box, and how a script of workers/container/ is called there. Pure. */
import type { Step } from '../../orchestrator/domain/failure.ts';
import type { StepCommand } from '../backend/types.ts';

export const place = {
  farm: '/work/farm',
  in: '/work/in',
  /** Fetched requirements on their way from the fetch box to the sealed one: one tar of wheels. */
  bundle: '/work/in/wheels.tar',
  /** The build environment as the fetch box has made it: `place.env` as one tar. */
  madeEnvironment: '/work/in/environment.tar',
  /** Wheels for the target whose headers are compiled against; in the same form. */
  targetBundle: '/work/in/target-wheels.tar',
  /** Tars of external libraries, unpacked to `place.external` by the first step that needs them. */
  externalBundles: '/work/in/external',
  external: '/work/external',
  libraryTar: '/work/library.tar',
  /** Sources of crates, as cargo vendor leaves them; one tar of it on its way. */
  crates: '/work/crates',
  crateBundle: '/work/in/crates.tar',
  wheels: '/work/in/wheels',
  fetched: '/work/fetched',
  src: '/work/src',
  env: '/work/env',
  out: '/work/out',
  repaired: '/work/repaired',
  result: '/work/result',
  compilerLog: '/work/log/compiler.jsonl',
  testEnv: '/work/test-env',
  site: '/work/site',
  siteTar: '/work/in/site.tar',
  /** Where the project's own tests run. */
  suite: '/work/suite',
  cloned: '/work/clone',
  clone: '/work/out/source.tar',
  /** Programs that the farm puts beside the image's own: git, for the sdist of a clone. */
  tools: '/work/tools',
} as const;

/** The scripts that are put under `place.farm`; all of them, because they import one another. */
export const containerScripts = [
  'common.py', 'compilerlog.py', 'crossfiles.py', 'foreign.py', 'persona.py', 'pyproject.py', 'index.py', 'resolve.py', 'prepare.py',
  'hooks.py', 'wheelfile.py', 'repair.py', 'requirement_files.py', 'audit.py', 'test.py',
  'hooks_output.py', 'options.py', 'patches.py', 'project_test.py', 'clone.py', 'library.py', 'cargo.py', 'stableabi.py',
] as const;
export type ContainerScript = (typeof containerScripts)[number];

/** The farm's own interpreter in build images: pip, packaging, pyproject_hooks, auditwheel. */
export const farmPython = '/opt/wheelfarm/venv/bin/python';
/** Test images have the system's interpreter only. */
export const systemPython = 'python3';

export interface ScriptCall {
  readonly step: Step;
  readonly script: ContainerScript;
  /** Names the result file: `/work/result/<name>.json`. */
  readonly name: string;
  readonly order: Readonly<Record<string, unknown>>;
  readonly msMax: number;
  readonly python?: string;
}

/** The command of a script; its order is one argument of JSON. */
export function scriptCommand({ step, script, name, order, msMax, python = farmPython }: ScriptCall): StepCommand {
  const resultFile = `${place.result}/${name}.json`;
  return {
    step,
    argv: [python, '-B', `${place.farm}/${script}`, JSON.stringify({ ...order, result: resultFile })],
    environment: {},
    workingFolder: '/work',
    resultFile,
    msMax,
  };
}

/** The path of an input in a box, by its file name. */
export const inputPath = (filename: string): string => `${place.in}/${filename}`;
