/** A catalogue of targets that no compiler knows: one row and one platform for each, all in one small image. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface NoOpFolders { readonly images: string; readonly cache: string }

/** Writes catalogue, policy and the image into a folder. */
export async function writeNoOpCatalogue(folder: string, rows: number): Promise<NoOpFolders> {
  const images = join(folder, 'catalogue');
  const cache = join(folder, 'cache');
  const image = join(cache, 'images', 'no-op');
  await mkdir(images, { recursive: true });
  await mkdir(image, { recursive: true });
  const catalogue = Array.from({ length: rows }, (_, at) => ({
    target: `cp311-manylinux_noop${String(at + 1).padStart(4, '0')}`, python: '3.11', image: 'no-op',
      testImage: 'no-op',
    build: 'native', test: 'native', buildPool: 'linux-amd64', testPool: 'linux-amd64', floor: 'glibc 2.17',
      repair: 'auditwheel',
  }));
  await writeFile(join(images, 'catalogue.json'), JSON.stringify(catalogue));
  await writeFile(join(images, 'policy.json'), JSON.stringify({ default: ['*'], tiers: [{ targets: '*', tier: 1 }] }));
  const tar = Buffer.alloc(1024);
  const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
  await writeFile(join(image, 'root.tar'), tar);
  await writeFile(join(image, 'record.json'), JSON.stringify({
    name: 'no-op', key: digest('no-op'), tarSha256: digest(tar), bytes: tar.length,
  }));
  return { images, cache };
}
