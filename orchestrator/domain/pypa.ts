import type { CatalogueRow } from './plan.ts';

/** images/pypa/pinned.json, which `npm run images:pin` writes: upstream's images and the interpreters in them. */
export interface Pinned {
  readonly cibuildwheel: string;
  /** Docker's reference with its digest, by `manylinux2014_x86_64`. */
  readonly images: Readonly<Record<string, string>>;
  /** `folder` has bin/python: `/opt/python/cp313-cp313`. */
  readonly pythons: readonly { readonly target: string; readonly python: string; readonly folder: string }[];
}

/** A row of an upstream image: builds run in it with its own compiler and its own interpreter. */
export interface PypaRow extends CatalogueRow {
  readonly architecture: string;
  readonly platformTag: string;
  /** The target's interpreter in the image. */
  readonly interpreter: string;
}

/** The farm's name of an image that is made from an upstream one. */
export const pypaName = (image: string): string => `pypa-${image}`;

/** Parts of an upstream image's name: `manylinux2014_x86_64`, `musllinux_1_2_aarch64`. */
export function pypaParts(image: string): { family: string; version: string; architecture: string } | null {
  const match = /^(manylinux|musllinux)(?:(2014)|_(\d+_\d+))_(\w+)$/.exec(image);
  if (match === null) return null;
  return { family: match[1] ?? '', version: match[2] === '2014' ? '2_17' : match[3] ?? '', architecture: match[4] ?? '' };
}

/**
 * A row for every interpreter in every upstream image, those of the lowest floor first.
 * @param native machine of the workers; images of others run under QEMU
 */
export function pypaRows({ images, pythons }: Pinned, native = 'x86_64'): readonly PypaRow[] {
  const known = Object.keys(images).flatMap((image) => {
    const parts = pypaParts(image);
    // 32-bit x86 has no line in architectures.json: no worker starts containers of it yet.
    return parts && parts.architecture !== 'i686' ? [{ image: pypaName(image), ...parts }] : [];
  }).toSorted((a, b) => minor(a.version) - minor(b.version));
  return pythons.flatMap(({ target, python, folder }) => known
    .filter(({ family, architecture }) => target.endsWith(`-${family}_${architecture}`))
    .map(({ image, family, version, architecture }): PypaRow => {
      const runs = architecture === native ? 'native' : 'qemu';
      return {
        target, python, architecture, image, testImage: image, build: runs, test: runs,
        buildPool: 'linux-amd64', testPool: 'linux-amd64', repair: 'auditwheel',
        floor: `${family === 'musllinux' ? 'musl' : 'glibc'} ${version.replace('_', '.')}`,
        platformTag: `${family}_${version}_${architecture}`, interpreter: `${folder}/bin/python`,
      };
    }));
}

const minor = (version: string): number => Number(version.split('_')[1] ?? 0);
