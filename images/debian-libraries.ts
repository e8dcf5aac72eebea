/** Debian's binaries of the libraries that the farm does not compile itself: for glibc only, and as new as their suite. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { unpackRoot } from './bootstrap.ts';
import { imagesFolder, readRecipes } from './recipes.ts';

/** What is wanted of which Debian. `architecture` is a machine name of architectures.json. */
export interface BinaryOrder {
  readonly suite: string;
  readonly architecture: string;
  /** Development packages. */
  readonly packages: readonly string[];
  /** Where the files will lie. */
  readonly prefix: string;
}

/** A shared object of a set, by its file name. */
export interface BinaryFile { readonly file: string; readonly name: string; readonly version: string; readonly licence: string }
export interface BinaryPackage { readonly name: string; readonly version: string; readonly architecture: string; readonly sha256: string }
/** What is written beside the tar of a set. */
export interface BinarySet { readonly packages: readonly BinaryPackage[]; readonly files: readonly BinaryFile[] }

export interface BinaryOptions {
  /** Scratch; made and removed. */
  readonly folder: string;
  readonly mirror: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

const script = 'libraries.sh';

/** The suite of Debian that an image is made of; empty for images of upstream's and of another catalogue. */
export const suiteOf = (image: string): string => readRecipes().get(image)?.suite ?? '';

/** Hex SHA-256 of all that decides a set, the archive's own updates aside. @param imageKey of the image it is used in */
export function binaryKey(order: BinaryOrder, imageKey: string): string {
  const text = readFileSync(join(imagesFolder, 'debian', script), 'utf8');
  return createHash('sha256').update(JSON.stringify([text, order, imageKey])).digest('hex');
}

/**
 * Writes the tar of a set to `to` and what is in it to `<to>.json`.
 * @errors what unpackRoot says where neither Docker nor the host can unpack packages; the signal's reason
 */
export async function unpackBinaries(order: BinaryOrder, to: string, { folder, mirror, signal, say }: BinaryOptions): Promise<void> {
  const { suite, architecture, packages, prefix } = order;
  await mkdir(folder, { recursive: true });
  try {
    const unpacked = await unpackRoot({
      name: `libraries-${suite}`, family: 'libraries', suite, python: '', architecture, packages, files: [], script,
      expect: { seconds: 30, bytes: 50_000_000 }, environment: { PREFIX: prefix }, leaves: ['libraries.tsv'],
    }, folder, new Docker(), { cacheFolder: folder, signal, ...(mirror ? { debianMirror: mirror } : {}) }, say);
    const set: BinarySet = {
      packages: unpacked.packages.map(({ name, version, sha256 = '' }) => {
        const [plain = name, of = ''] = name.split(':');
        return { name: plain, version, architecture: of, sha256 };
      }),
      files: readFiles(await readFile(join(folder, 'libraries.tsv'), 'utf8')),
    };
    await writeFile(`${to}.json`, JSON.stringify(set));
    await rename(unpacked.tarPath, to);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readFiles(text: string): BinaryFile[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [file = '', name = '', version = '', licence = ''] = line.split('\t');
    return { file, name, version, licence: spdxOf(licence) };
  });
}

const spdx: Readonly<Record<string, string>> = {
  'expat': 'MIT', 'mit': 'MIT', 'mit-1': 'MIT', 'isc': 'ISC', 'zlib': 'Zlib', 'bsd-2-clause': 'BSD-2-Clause', 'bsd-3-clause': 'BSD-3-Clause',
  'bsd-3': 'BSD-3-Clause', 'apache-2.0': 'Apache-2.0', 'apache-2': 'Apache-2.0', 'mpl-2.0': 'MPL-2.0', 'libpng': 'Libpng', 'curl': 'curl',
  'gpl-2': 'GPL-2.0-only', 'gpl-2+': 'GPL-2.0-or-later', 'gpl-3': 'GPL-3.0-only', 'gpl-3+': 'GPL-3.0-or-later',
  'lgpl-2': 'LGPL-2.0-only', 'lgpl-2+': 'LGPL-2.0-or-later', 'lgpl-2.1': 'LGPL-2.1-only', 'lgpl-2.1+': 'LGPL-2.1-or-later',
  'lgpl-3': 'LGPL-3.0-only', 'lgpl-3+': 'LGPL-3.0-or-later',
};

/** The SPDX expression of a licence as Debian's copyright files name it; one that is not known is named as it stands there. Pure. */
export function spdxOf(licence: string): string {
  const known = spdx[licence.toLowerCase()];
  return known ?? `LicenseRef-Debian-${licence.replaceAll(/[^A-Za-z0-9.-]/g, '-') || 'copyright'}`;
}
