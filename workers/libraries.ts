/** The external libraries of this worker: what the farm can compile, the kept results, and where their sources are. */
import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { debianArchives, parseSources } from '../images/apt-sources.ts';
import { externalOf, readLibraries } from '../images/libraries.ts';
import type { External, Library } from '../images/libraries.ts';

export interface LibraryStore {
  readonly known: ReadonlyMap<string, Library>;
  /** What the farm says that a project needs; null for most. */
  readonly externalOf: (project: string) => External | null;
  /** Address of a Debian archive; null where this machine knows none. */
  readonly archive: string | null;
  /** Address of a Debian archive that replaces apt's. */
  readonly mirror: string | undefined;
  /**
   * The file kept under `key`, else what `make` writes to the path that it is given; calls at once share one making.
   * One that was stopped by its own caller is begun again by the next.
   */
  get(key: string, stopped: AbortSignal, make: (file: string) => Promise<void>): Promise<string>;
}

/** A store in `folder`; what is in it stays over restarts. */
export function libraryStore(
  folder: string, known: Pick<LibraryStore, 'known' | 'externalOf' | 'archive' | 'mirror'>,
): LibraryStore {
  const making = new Map<string, { made: Promise<string>; by: AbortSignal }>();

  async function made(key: string, make: (file: string) => Promise<void>): Promise<string> {
    const path = join(folder, `${key}.tar`);
    if (await stat(path).then(() => true, () => false)) return path;
    await mkdir(folder, { recursive: true });
    // Another farm of this machine may make the same one in the same folder.
    const part = `${path}.${process.pid}.part`;
    await make(part);
    // What is in a tar may stand beside it.
    await rename(`${part}.json`, `${path}.json`).catch(() => undefined);
    await rename(part, path);
    return path;
  }

  return {
    ...known,
    async get(key, stopped, make) {
      for (;;) {
        const begun = making.get(key);
        if (begun === undefined) {
          const entry = { made: made(key, make).finally(() => making.delete(key)), by: stopped };
          making.set(key, entry);
          return entry.made;
        }
        try {
          return await begun.made;
        } catch (error) {
          if (!begun.by.aborted || stopped.aborted) throw error;
        }
      }
    },
  };
}

/** The main archive of this machine's apt; null where it has none. */
async function debianArchive(): Promise<string | null> {
  const folder = '/etc/apt';
  const more = await readdir(join(folder, 'sources.list.d')).catch(() => []);
  const files = ['sources.list', ...more.toSorted().map((name) => join('sources.list.d', name))];
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
  return debianArchives(parseSources(texts.join('\n\n')))?.main ?? null;
}

/** The store of a worker, with the libraries of images/. @param mirror address of a Debian archive that replaces apt's */
export async function libraryPorts(folder: string, mirror: string | undefined): Promise<LibraryStore> {
  return libraryStore(folder, { known: readLibraries(), externalOf, mirror, archive: mirror ?? await debianArchive() });
}
