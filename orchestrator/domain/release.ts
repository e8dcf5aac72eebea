import type { Plan } from './plan.ts';

/**
 * Whether a release may become visible: every tier 1 target has a wheel that its test did not refuse. A target that
 * this farm cannot build holds nothing back.
 */
export interface ReleaseVerdict {
  readonly installable: boolean;
  /** Required targets without a good wheel. */
  readonly missing: readonly string[];
  /** Wanted and best-effort targets without one: printed, never a reason to hold the release. */
  readonly gaps: readonly string[];
}

/**
 * Judges a build whose cells have ended.
 * @source DESIGN "Publish": one transaction makes visible what is in when tier 1 succeeded
 */
export function judgeRelease(
  plan: Pick<Plan, 'cells'>,
  cells: readonly { readonly target: string; readonly state: string; readonly tested: string | null }[],
): ReleaseVerdict {
  const good = new Set(cells.filter(isGood).map(({ target }) => target));
  const bad = plan.cells.filter(({ target, skipped }) => skipped === undefined && !good.has(target));
  const missing = bad.filter(({ tier }) => tier === 1).map(({ target }) => target);
  return {
    installable: missing.length === 0 && good.size > 0,
    missing,
    gaps: bad.filter(({ tier }) => tier !== 1).map(({ target }) => target),
  };
}

/** A wheel that failed its test is not published. */
export const isGood = (cell: { readonly state: string; readonly tested: string | null }): boolean =>
  (cell.state === 'succeeded' || cell.state === 'covered') && cell.tested !== 'failed';
