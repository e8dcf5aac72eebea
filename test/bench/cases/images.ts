import { readRecord } from '../../../images/record.ts';
import { readRecipes } from '../../../images/recipes.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import type { BenchCase, CaseResult } from '../case.ts';
import { measure } from '../measure.ts';

export const images: BenchCase = {
  name: 'images',
  compares: 'What each image on this machine takes on disk, and what its making took; makes none.',
  run: async () => sizes(),
};

/** Reads the records of the cache. @errors throws where no image is made */
function sizes(): CaseResult {
  const { cache } = placesOf(process.env);
  const records = [...readRecipes().keys()].toSorted().flatMap((name) => readRecord(cache, name) ?? []);
  if (records.length === 0) throw new Error('no image is made on this machine: ./farm setup');
  return {
    measures: records.flatMap(({ name, bytes, seconds }) => [
      measure(`${name}: size`, 'MB', [bytes / 1e6]),
      ...seconds === undefined ? [] : [measure(`${name}: made in`, 's', [seconds])],
    ]),
    notes: [
      'The time of a making holds the waiting for the images that it needs, for zig’s runtime where that is not compiled yet, '
        + 'and for whatever else the machine does; makings go on side by side.',
    ],
  };
}
