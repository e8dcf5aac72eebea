import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { lateImages } from '../../images/recipes.ts';
import { fail } from '../domain/failure.ts';
import { expandUnsupported, type UnsupportedLine } from '../domain/unsupported.ts';
import { pypaRows, type Pinned } from '../domain/pypa.ts';
import type { CatalogueRow, PlanRow, Policy } from '../domain/plan.ts';
import type { BlobStore, Catalogue } from '../ports.ts';

/** What set-up writes beside an image's root tar. Other members are kept as they are. */
export interface ImageRecord {
  readonly name: string;
  readonly key: string;
  readonly tarSha256: string;
  readonly bytes: number;
}

export interface CatalogueOptions {
  /** The checkout's folder `images`: catalogue.json and policy.json. */
  readonly imagesFolder: string;
  /** Holds `images/<name>/record.json` and `root.tar`. */
  readonly cacheFolder: string;
  readonly blobs: BlobStore;
  readonly pool: Pool;
}

interface Known { readonly mtimeMs: number; readonly record: ImageRecord }

/**
 * Port Catalogue over files. Image records are looked at on every call (a stat each), so an image that set-up finishes
 * while the farm is up serves the next plan. A root tar becomes a blob by a hard link, without reading it again.
 */
export function fileCatalogue({ imagesFolder, cacheFolder, blobs, pool }: CatalogueOptions): Catalogue {
  const known = new Map<string, Known>();
  const readJson = async <T>(name: string): Promise<T> =>
    JSON.parse(await readFile(join(imagesFolder, name), 'utf8')) as T;

  async function images(): Promise<ReadonlyMap<string, ImageRecord>> {
    const folder = join(cacheFolder, 'images');
    const names = await readdir(folder).catch(() => []);
    const found = await Promise.all(names.map((name) => imageOf(join(folder, name), name)));
    return new Map(found.flatMap((record) => (record ? [[record.name, record] as const] : [])));
  }

  async function imageOf(folder: string, name: string): Promise<ImageRecord | null> {
    const file = join(folder, 'record.json');
    const at = await stat(file).catch(() => null);
    if (!at) return null;
    const before = known.get(name);
    if (before?.mtimeMs === at.mtimeMs) return before.record;
    const record = JSON.parse(await readFile(file, 'utf8')) as ImageRecord;
    await register(record, join(folder, 'root.tar'));
    known.set(name, { mtimeMs: at.mtimeMs, record });
    return record;
  }

  /**
   * The first tar of a key stays for as long as its blob is here: attempts ran in it and provenance names it, though
   * set-up may have made the image again, with the same key and other bytes.
   */
  async function register(record: ImageRecord, tar: string): Promise<void> {
    const kept = await pool.query(
      'select from image join blob on blob.sha256 = image.tar_sha256 where name = $1 and key = $2', [record.name, record.key],
    );
    if (kept.rowCount === 1) return;
    if (!await blobs.has(record.tarSha256)) {
      await blobs.putFile(tar, { sha256: record.tarSha256, trusted: { bytes: record.bytes } });
    }
    await pool.query(
      `insert into image (name, key, tar_sha256, bytes, record) values ($1, $2, $3, $4, $5)
       on conflict (name, key) do update set tar_sha256 = $3, bytes = $4, record = $5`,
      [record.name, record.key, record.tarSha256, record.bytes, JSON.stringify(record)],
    );
  }

  // Upstream's images come first among a target's candidates.
  const rows = async (): Promise<readonly CatalogueRow[]> => {
    const pinned = await readJson<Pinned | null>('pypa/pinned.json').catch(absent(null));
    return [...pinned ? pypaRows(pinned) : [], ...await readJson<readonly CatalogueRow[]>('catalogue.json')];
  };
  return {
    rows,
    policy: () => readJson<Policy>('policy.json'),
    async planRows(of) {
      const [all, made] = await Promise.all([of ?? rows(), images()]);
      const late = lateImages();
      return all.flatMap((row): PlanRow[] => {
        const image = made.get(row.image);
        const testImage = row.testImage === null ? null : made.get(row.testImage);
        if (image && testImage === undefined && late.has(row.testImage ?? '')) {
          return [{ ...row, test: 'none', imageKey: image.key, testImageKey: null, untested: `the test image ${row.testImage ?? ''} is not made yet` }];
        }
        if (!image || testImage === undefined) return [];
        return [{ ...row, imageKey: image.key, testImageKey: testImage?.key ?? null }];
      });
    },
    async unsupported() {
      const lines = await readJson<readonly UnsupportedLine[]>('unsupported.json').catch(absent([]));
      return expandUnsupported(lines, new Set((await rows()).map(({ target }) => target)));
    },
    async tool(name) {
      const made = [...(await images()).values()].find((image) => image.name.startsWith(`${name}-`));
      return made ? this.image(made.name, made.key) : null;
    },
    async image(name, key) {
      await images();
      const found = await pool.query<{ tar_sha256: string; bytes: string }>(
        'select tar_sha256, bytes from image where name = $1 and key = $2', [name, key],
      );
      const row = found.rows[0];
      if (!row || !await blobs.has(row.tar_sha256)) return fail('FARM_IMAGE_MISSING', 'plan', { image: name });
      return { name, key, tarSha256: row.tar_sha256, bytes: Number(row.bytes) };
    },
  };
}

/** A catalogue of its own (FARM_IMAGES) need not have a grid, nor upstream's images. */
const absent = <T>(instead: T) => (error: NodeJS.ErrnoException): T => {
  if (error.code === 'ENOENT') return instead;
  throw error;
};
