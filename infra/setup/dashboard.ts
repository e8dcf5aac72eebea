import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { mustEndWell } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** What the dashboard takes from outside its folder: pure functions of the domain, and the versions of its packages. */
const shared = ['orchestrator/domain', 'infra/dashboard.ts'];
const packages = ['vite', 'react', 'react-dom', '@ariakit/react', 'openapi-fetch'];

/** Digest of everything that the built dashboard depends on. */
export function dashboardDigest(root: string): string {
  const hash = createHash('sha256');
  for (const path of ['dashboard', ...shared].flatMap((one) => filesOf(join(root, one))).sort()) {
    hash.update(`${relative(root, path)}\0`).update(readFileSync(path)).update('\0');
  }
  for (const name of packages) hash.update(readFileSync(join(root, 'node_modules', name, 'package.json')));
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  if (path.endsWith('.ts')) return [path];
  // Types of the API are made when somebody checks them; nothing of them is in the pages.
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((one) => one.isFile() && one.name !== 'openapi.ts').map((one) => join(one.parentPath, one.name));
}

/** Where the dashboard of these sources is, or will be. */
export const dashboardFolder = (cache: string, digest: string): string => join(cache, 'dashboard', digest.slice(0, 16));

/** The pages for people, built once for their sources. */
export function dashboardPart(places: Places, env: Env): SetupPart {
  return {
    name: 'dashboard', what: 'the pages, built from dashboard/', size: '1 MB on disk', expectedSeconds: 3, needs: [], purpose: 'build',
    async check() {
      const folder = dashboardFolder(places.cache, dashboardDigest(places.root));
      return existsSync(join(folder, 'index.html')) ? there(`built at ${folder}`) : missing('not built from the present sources', 'Run: ./farm setup');
    },
    async install() {
      await mustEndWell([process.execPath, join(places.root, 'infra', 'dashboard.ts'), places.cache], { env, cwd: places.root });
    },
  };
}
