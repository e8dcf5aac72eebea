/** Builds the dashboard into the cache, under the digest of its sources. `node infra/dashboard.ts CACHE_FOLDER` */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'vite';
import { dashboardDigest, dashboardFolder } from './setup/dashboard.ts';

const root = join(import.meta.dirname, '..');
/** Built dashboards of other checkouts stay so long. @unit milliseconds */
const keptMs = 30 * 24 * 60 * 60 * 1000;

const cache = process.argv[2];
if (!cache) throw new Error('usage: node infra/dashboard.ts CACHE_FOLDER');
const folder = dashboardFolder(cache, dashboardDigest(root));
const making = `${folder}.${process.pid}`;
await mkdir(dirname(folder), { recursive: true });
try {
  await build({
    configFile: false, root: join(root, 'dashboard'), base: './', logLevel: 'error', publicDir: false, cacheDir: join(making, '.vite'),
    build: {
      outDir: making, emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0,
      reportCompressedSize: false,
    },
  });
  await rm(join(making, '.vite'), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  await rename(making, folder);
} finally {
  await rm(making, { recursive: true, force: true });
}
for (const name of await readdir(dirname(folder))) {
  const path = join(dirname(folder), name);
  if (path !== folder && Date.now() - (await stat(path)).mtimeMs > keptMs) await rm(path, { recursive: true, force: true });
}
process.stdout.write(`${folder}\n`);
