import { onPath } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** A browser that the tests of the pages can drive; undefined where there is none. */
export const browserOf = (env: Env): string | undefined => env.FARM_TEST_BROWSER || names.map((name) => onPath(name, env.PATH)).find((one) => one !== undefined);

/** The browser that tests the pages. */
export function browserPart(_places: Places, env: Env): SetupPart {
  const mend = 'Install Chromium (on Debian and Ubuntu: apt-get install chromium), or name one in FARM_TEST_BROWSER.';
  const part: SetupPart = {
    name: 'browser', what: 'Chromium, which tests the pages', size: '250 MB', expectedSeconds: 60, needs: [], purpose: 'test',
    async check() {
      const found = browserOf(env);
      return found ? there(found) : missing('no Chromium is on PATH', mend);
    },
  };
  if (process.getuid?.() !== 0 || !onPath('apt-get', env.PATH)) return part;
  return { ...part, async install(say) {
    const { installOnHost } = await import('../../images/host-apt.ts');
    await installOnHost(['chromium'], async () => browserOf(env) !== undefined, { onLine: (line) => say(line.slice(0, 80)) });
  } };
}
