import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../../images/types.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** Node's names of the machines of architectures.json. */
const hosts: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Machines whose programs the default images hold and this machine does not run by itself. */
async function foreignMachines(): Promise<string[]> {
  const { defaultImages, readRecipes } = await import('../../images/recipes.ts');
  const recipes = readRecipes();
  const machines = new Set(defaultImages(false).flatMap((name) => recipes.get(name)?.architecture ?? []));
  machines.delete(hosts[process.arch] ?? '');
  return [...machines];
}

/** Foreign programs run through qemu: needed to make and to use the test images of other machines. */
export function binfmtPart(_places: Places, _env: Env): SetupPart {
  return {
    name: 'binfmt', what: 'qemu for foreign machines (binfmt_misc)', size: '60 MB download', expectedSeconds: 20,
    needs: ['docker'], purpose: 'build',
    async check() {
      const { canRun } = await import('../../images/binfmt.ts');
      const lacking = (await foreignMachines()).filter((machine) => !canRun(machine));
      return lacking.length === 0 ? there('foreign programs run') : missing(`programs of ${lacking.join(', ')} do not start`, 'Run: ./farm setup');
    },
    async install(say) {
      const { ensureBinfmt } = await import('../../images/binfmt.ts');
      await ensureBinfmt(await foreignMachines(), { onLine: (line) => say(line.slice(0, 80)) });
    },
  };
}

/** The images of the default targets; others are made when a build first needs them. The record beside an image says from which recipe it was made. */
export const imagesPart = (places: Places, env: Env): SetupPart => partOf(places, env, {
  name: 'images', what: 'build and test images of the default targets', size: '3 GB on disk', expectedSeconds: 300,
  needs: ['docker', 'binfmt'], purpose: 'build',
}, false);

/** Test images that builds do not wait for, compiled behind the first of them; tests want them at once. */
export const lateImagesPart = (places: Places, env: Env): SetupPart => partOf(places, env, {
  name: 'late images', what: 'Python for musl, compiled from CPython\'s source', size: '200 MB on disk', expectedSeconds: 300,
  needs: ['images'], purpose: 'test',
}, true);

function partOf(places: Places, env: Env, part: Omit<SetupPart, 'check' | 'install'>, late: boolean): SetupPart {
  return {
    ...part,
    async check() {
      const { defaultImages, readRecipes, recipeDigest } = await import('../../images/recipes.ts');
      const wanted = new Set(defaultImages(late));
      const lacking = [...readRecipes()].filter(([name, recipe]) => wanted.has(name) && !isMade(places, name, recipeDigest(recipe)));
      const names = lacking.map(([name]) => name).join(', ');
      return lacking.length === 0 ? there('all are made; others follow when a build needs them') : missing(`not made: ${names}`, 'Run: ./farm setup');
    },
    async install(say) {
      const { ensureImages } = await import('../../images/make.ts');
      const { defaultImages } = await import('../../images/recipes.ts');
      await ensureImages({
        names: defaultImages(late), cacheFolder: places.cache,
        onProgress: (progress: Progress) => say([progress.image, progress.step, progress.note].filter(Boolean).join(' ')),
        ...(env.WHEELFARM_DEBIAN_MIRROR ? { debianMirror: env.WHEELFARM_DEBIAN_MIRROR } : {}),
      });
    },
  };
}

function isMade(places: Places, name: string, recipeSha256: string): boolean {
  const folder = join(places.cache, 'images', name);
  try {
    const record = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')) as { recipeSha256?: string };
    return record.recipeSha256 === recipeSha256 && existsSync(join(folder, 'root.tar'));
  } catch {
    return false;
  }
}
