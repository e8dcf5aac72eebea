/** Which candidate row of a target is taken, and which images must be made before there is one. */
import type { ImageView } from '../contract/api.ts';
import { fail, failure, type Failure } from '../domain/failure.ts';
import { interpreterOf } from '../domain/unsupported.ts';
import type { CatalogueRow, UnservedTarget } from '../domain/plan.ts';
import type { Images } from '../ports.ts';

/** A candidate that is not taken, and why. */
export interface PassedOver { readonly image: string; readonly why: string }

export interface Placement {
  /** Rows of the wanted targets whose images are on this farm. */
  readonly ready: readonly CatalogueRow[];
  /** Rows that are taken once their images are made. */
  readonly coming: readonly CatalogueRow[];
  /** Images that are missing or being made. */
  readonly lacking: readonly ImageView[];
  /** Test images that are missing, being made or failed, and that no build waits for. */
  readonly later: readonly ImageView[];
  readonly passed: ReadonlyMap<string, readonly PassedOver[]>;
  /** Targets of which no candidate can be had. */
  readonly refused: readonly UnservedTarget[];
}

/**
 * Looks at the candidate rows of each target in catalogue order. The first one that is made is taken; where none is,
 * the first that can be made. So what is on the farm is used before anything is made or pulled.
 * @param late names of test images that no build waits for: without one its rows are built and not tested
 * @param lacks what is not here of a target that only upstream's images serve
 */
export async function place(
  images: Pick<Images, 'states'>, rows: readonly CatalogueRow[], late: ReadonlySet<string> = new Set(),
  lacks: (target: string) => string = interpreterOf,
): Promise<Placement> {
  const lateOf = (row: CatalogueRow): string[] => (row.testImage !== null && late.has(row.testImage) ? [row.testImage] : []);
  const imagesOf = (row: CatalogueRow): string[] => [row.image, ...row.testImage === null || late.has(row.testImage) ? [] : [row.testImage]];
  const names = [...new Set(rows.flatMap((row) => [...imagesOf(row), ...lateOf(row)]))];
  const states = new Map((await images.states(names)).map((view) => [view.name, view]));
  const passed = new Map<string, PassedOver[]>();
  const [ready, coming, refused]: [CatalogueRow[], CatalogueRow[], UnservedTarget[]] = [[], [], []];
  for (const [target, candidates] of Map.groupBy(rows, (row) => row.target)) {
    const isMade = (row: CatalogueRow): boolean => imagesOf(row).every((name) => states.get(name)?.state === 'made');
    const lost = (row: CatalogueRow): ImageView | undefined =>
      imagesOf(row).map((name) => states.get(name)).find((view) => view?.state === 'failed');
    const taken = candidates.find(isMade) ?? candidates.find((row) => !lost(row));
    const before = taken ? candidates.slice(0, candidates.indexOf(taken)) : candidates;
    passed.set(target, before.map((row) => ({ image: row.image, why: whyNot(lost(row)) })));
    if (taken && isMade(taken)) ready.push(...candidates.filter(isMade));
    else if (taken) coming.push(taken);
    else {
      const [first] = candidates as [CatalogueRow, ...CatalogueRow[]];
      refused.push({ target, python: first.python, skipped: unavailable(first, candidates, lacks(target), lost(first)?.note.split('\n')[0] ?? '') });
    }
  }
  const missing = (wanted: readonly string[]): ImageView[] => [...states.values()].filter(({ name, state }) => wanted.includes(name) && state !== 'made');
  return { ready, coming, passed, refused, lacking: missing(coming.flatMap(imagesOf)), later: missing(ready.flatMap(lateOf)) };
}

/** A target that only upstream's images and uv serve lacks something here without them; others have an image that failed. */
function unavailable({ target, image }: CatalogueRow, candidates: readonly CatalogueRow[], lacked: string, why: string): Failure {
  return candidates.every(({ interpreter, source }) => interpreter !== undefined || source === 'uv')
    ? failure('FARM_TARGET_UNSUPPORTED', 'plan', { target, why: `no ${lacked} here, and ${why}` })
    : failure('FARM_IMAGE_UNAVAILABLE', 'plan', { image, why });
}

const whyNot = (view: ImageView | undefined): string =>
  (view ? view.note.split('\n')[0] ?? '' : 'not on this farm, and another row serves the target');

/** Begins what is missing; `later` only once nothing else is. @errors FARM_IMAGES_MAKING where a build must wait for an image */
export function mustBeMade(images: Images, { lacking, later }: Pick<Placement, 'lacking' | 'later'>): void {
  if (lacking.length === 0) {
    if (later.length > 0) images.make(later.map(({ name }) => name));
    return;
  }
  images.make(lacking.map(({ name }) => name));
  const words = lacking.map(({ name, expectedBytes, expectedSeconds }) =>
    `${name} (${Math.round(expectedBytes / 1e6)} MB, about ${expectedSeconds} s)`);
  fail('FARM_IMAGES_MAKING', 'plan', { images: words.join(', ') });
}
