import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** Foreign programs run through qemu: needed to make and to use the test images of other machines. */
export function binfmtPart(_places: Places, _env: Env): SetupPart {
  return {
    name: 'binfmt', what: 'qemu for foreign machines (binfmt_misc)', size: '60 MB download', expectedSeconds: 20,
    needs: ['docker'], purpose: 'build',
    async check() {
      const { binfmtMissing } = await import('../../images/binfmt.ts');
      const lacking = binfmtMissing();
      return lacking.length === 0 ? there('foreign programs run') : missing(`not registered: ${lacking.join(', ')}`, 'Run: ./farm setup');
    },
    async install(say) {
      const { ensureBinfmt } = await import('../../images/binfmt.ts');
      await ensureBinfmt(say);
    },
  };
}

/** The images that the catalogue names. */
export function imagesPart(places: Places, _env: Env): SetupPart {
  return {
    name: 'images', what: 'build and test images', size: '3 GB on disk', expectedSeconds: 480,
    needs: ['docker', 'binfmt'], purpose: 'build',
    async check() {
      const { missingImages } = await import('../../images/make.ts');
      const lacking = await missingImages({ cache: places.cache });
      return lacking.length === 0 ? there('all of the catalogue') : missing(`missing: ${lacking.join(', ')}`, 'Run: ./farm setup');
    },
    async install(say) {
      const { ensureImages } = await import('../../images/make.ts');
      await ensureImages({ cache: places.cache, say });
    },
  };
}
