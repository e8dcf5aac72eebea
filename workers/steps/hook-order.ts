/** What a call of the project's build backend needs, for requires, build and sdist alike. */
import { place } from './box-layout.ts';
import type { BuildSystem } from './shapes.ts';

export interface HookOrder {
  readonly buildSystem: BuildSystem;
  /** Whose environment the backend gets; null for the build machine's own. */
  readonly target: string | null;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number;
}

/** The members of the script's order that every hook has. */
export function hookMembers({ buildSystem, target, sourceDateEpoch }: HookOrder): Record<string, unknown> {
  return {
    buildSystem, sourceDateEpoch, src: place.src, env: place.env, out: place.out, compilerLog: place.compilerLog,
    ...(target === null ? {} : { target, targetBundle: place.targetBundle }),
  };
}
