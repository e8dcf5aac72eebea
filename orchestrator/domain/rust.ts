/** Releases with Rust in them: their rows are built in another image, where there is one with Rust for the target. */
import { failure } from './failure.ts';
import type { CatalogueRow, UnservedTarget } from './plan.ts';
import { platformOf } from './plan.ts';

/** True where a project asks for a back end that starts cargo. @param settings the parsed pyproject.toml */
export function needsRust(settings: Readonly<Record<string, unknown>>): boolean {
  const { requires } = Object(settings['build-system']) as { requires?: unknown };
  return Array.isArray(requires) && requires.some((one) => typeof one === 'string' && /^\s*(?:maturin|setuptools[-_.]rust)\b(?![-_.\w])/i.test(one));
}

/** What a target needs of Rust, for people. */
export const rustOf = (target: string): string => `Rust standard library for ${platformOf(target)}`;

/**
 * The rows with the image that has Rust instead of their own. A row that is not cross built keeps its image.
 * @param variants name of such an image by that of the image it is like
 */
export function withRust<Row extends CatalogueRow>(
  rows: readonly Row[], variants: ReadonlyMap<string, string>,
): { readonly rows: readonly Row[]; readonly without: readonly UnservedTarget[] } {
  const served = rows.flatMap((row): Row[] => {
    if (row.build !== 'cross') return [row];
    const image = row.floor.startsWith('glibc ') ? variants.get(row.image) : undefined;
    return image === undefined ? [] : [{ ...row, image }];
  });
  const targets = new Set(served.map(({ target }) => target));
  const without = rows.filter(({ target }) => !targets.has(target)).map(({ target, python }) => ({
    target, python,
    skipped: failure('FARM_TARGET_UNSUPPORTED', 'plan', { target, why: `no ${rustOf(target)} with Python ${python}` }),
  }));
  return { rows: served, without };
}
