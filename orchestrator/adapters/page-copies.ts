import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServedPage } from '../index-ports.ts';

/** Copies of pages in a folder: what a plane serves cold while the database is away. */
export interface PageCopies {
  write(page: ServedPage): Promise<void>;
  read(project: string): Promise<ServedPage | null>;
  /** What was known when the database was last there; null where it never was. */
  readState(): Promise<CopiesState | null>;
  writeState(state: CopiesState): Promise<void>;
}

/** Copies up to `serial` are in the folder; `names` are those that the farm answers for. */
export interface CopiesState { readonly serial: number; readonly names: readonly string[] }

const suffix = '.page';
const stateFile = 'state.json';

/**
 * A folder with one file for each project: a line of JSON (serial, ETags, length of the JSON page), then the JSON
 * page, then the HTML page. Files are swapped by renaming; there is no fsync, since the database is the truth.
 */
export function pageCopies(folder: string): PageCopies {
  const swap = async (name: string, parts: readonly (Buffer | string)[]): Promise<void> => {
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `.${randomUUID()}`);
    await writeFile(temporary, Buffer.concat(parts.map((part) => Buffer.from(part))));
    await rename(temporary, join(folder, name));
  };
  return {
    write: ({ json, html, ...head }) =>
      swap(head.project + suffix, [`${JSON.stringify({ ...head, jsonBytes: json.length })}\n`, json, html]),
    async read(project) {
      const bytes = await readFile(join(folder, project + suffix)).catch(() => null);
      if (bytes === null) return null;
      const start = bytes.indexOf(10) + 1;
      const { jsonBytes, ...head } = JSON.parse(bytes.toString('utf8', 0, start)) as
        Omit<ServedPage, 'json' | 'html'> & { jsonBytes: number };
      return { ...head, json: bytes.subarray(start, start + jsonBytes), html: bytes.subarray(start + jsonBytes) };
    },
    async readState() {
      const text = await readFile(join(folder, stateFile), 'utf8').catch(() => null);
      return text === null ? null : JSON.parse(text) as CopiesState;
    },
    writeState: (state) => swap(stateFile, [JSON.stringify(state)]),
  };
}
