import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustEndWell, onPath } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** The nginx that tests TLS before a farm; undefined where there is none. */
export function nginxOf({ cache }: Pick<Places, 'cache'>, env: Env): string | undefined {
  const unpacked = join(cache, 'nginx', 'usr', 'sbin', 'nginx');
  return env.FARM_TEST_NGINX || onPath('nginx', env.PATH) || onPath('nginx', '/usr/sbin') || (existsSync(unpacked) ? unpacked : undefined);
}

/** Debian's nginx, unpacked beside the system and not installed: an installed one would start and take port 80. */
export function nginxPart(places: Places, env: Env): SetupPart {
  const part: SetupPart = {
    name: 'nginx', what: 'nginx, behind which a farm with TLS is tested', size: '2 MB', expectedSeconds: 5, needs: ['browser'], purpose: 'test',
    async check() {
      const found = nginxOf(places, env);
      return found ? there(found) : missing('no nginx is on PATH', 'Install nginx, or name one in FARM_TEST_NGINX.');
    },
  };
  if (!onPath('apt-get', env.PATH) || !onPath('dpkg-deb', env.PATH)) return part;
  return { ...part, async install() {
    const folder = join(places.cache, 'nginx');
    mkdirSync(folder, { recursive: true });
    await mustEndWell(['apt-get', '-q', 'download', 'nginx'], { cwd: folder, env });
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error('apt-get download wrote no package');
    await mustEndWell(['dpkg-deb', '-x', join(folder, archive), folder], { env });
  } };
}
