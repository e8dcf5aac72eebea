import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

interface BuiltFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzip: Buffer | null;
  readonly brotli: Buffer | null;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml',
  json: 'application/json; charset=utf-8', png: 'image/png', woff2: 'font/woff2',
};

/** Reads a built dashboard into memory, compressed once. Null where the folder is not there yet: it is asked for again. */
export function dashboardFiles(folder: string): () => Promise<ReadonlyMap<string, BuiltFile> | null> {
  let reading: Promise<ReadonlyMap<string, BuiltFile> | null> | null = null;
  return async () => {
    reading ??= readAll(folder).catch(() => null);
    const files = await reading;
    if (files === null) reading = null;
    return files;
  };
}

async function readAll(folder: string): Promise<ReadonlyMap<string, BuiltFile>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return new Map(await Promise.all(files.map(async (path): Promise<[string, BuiltFile]> => {
    const bytes = await readFile(path);
    const name = path.slice(folder.length + 1).replaceAll('\\', '/');
    return [name, { type: types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream', bytes, ...await packed(bytes) }];
  })));
}

async function packed(bytes: Buffer): Promise<{ gzip: Buffer | null; brotli: Buffer | null }> {
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(bytes), promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  ]);
  const smaller = (one: Buffer): Buffer | null => (one.length < bytes.length ? one : null);
  return { gzip: smaller(zipped), brotli: smaller(brotli) };
}
