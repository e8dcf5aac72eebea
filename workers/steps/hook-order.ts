/** What a call of the project's build backend needs, for requires, build and sdist alike. */
import { place } from './box-layout.ts';
import type { BuildOptions } from '../../orchestrator/domain/cell-options.ts';
import type { BuildSystem } from './shapes.ts';

export interface HookOrder {
  readonly buildSystem: BuildSystem;
  /** Whose environment the backend gets; null for the build machine's own. */
  readonly target: string | null;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number;
  /** What the project asks for; its commands run before the hook. */
  readonly options?: BuildOptions | undefined;
  /** Folder of the project below the unpacked source; of a clone. */
  readonly subdirectory?: string;
}

/** The options of a hook that is called after the commands have run. */
export function withoutCommands(options: BuildOptions | undefined): BuildOptions | undefined {
  if (options === undefined) return undefined;
  const { beforeAll: _, beforeBuild: __, ...rest } = options;
  return rest;
}

/** The members of the script's order that every hook has. */
export function hookMembers(
  { buildSystem, target, sourceDateEpoch, options, subdirectory }: Omit<HookOrder, 'buildSystem'> & Partial<Pick<HookOrder, 'buildSystem'>>,
): Record<string, unknown> {
  return {
    ...(buildSystem ? { buildSystem } : {}), sourceDateEpoch, src: subdirectory ? `${place.src}/${subdirectory}` : place.src, env: place.env, out: place.out, compilerLog: place.compilerLog,
    ...(target === null ? {} : { target, targetBundle: place.targetBundle, external: place.externalBundles, crateBundle: place.crateBundle }), ...(options === undefined ? {} : { options }),
  };
}
