import { expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();

it('fills the compiler’s cache once: manifests are copied, results linked, and what is there stays', async () => {
  expect(await ask(`
import os, tempfile, crossfiles
with tempfile.TemporaryDirectory() as folder:
    baked, cache = os.path.join(folder, "baked"), os.path.join(folder, "cache")
    for name in ("b", "h", "o/one"):
        os.makedirs(os.path.join(baked, name))
    for name in ("b/x", "h/manifest", "o/one/lib.a"):
        open(os.path.join(baked, name), "w").close()
    crossfiles.fill_compiler_cache({}, baked)
    first = sorted(os.listdir(folder))
    crossfiles.fill_compiler_cache({"ZIG_GLOBAL_CACHE_DIR": cache}, baked)
    made = {"own": os.path.isfile(os.path.join(cache, "h/manifest")) and not os.path.islink(os.path.join(cache, "h/manifest")),
            "linked": os.path.islink(os.path.join(cache, "o/one")), "folders": sorted(os.listdir(cache))}
    os.remove(os.path.join(cache, "b/x"))
    crossfiles.fill_compiler_cache({"ZIG_GLOBAL_CACHE_DIR": cache}, baked)
    answer = [first, made, os.listdir(os.path.join(cache, "b"))]`, null)).toEqual([
    ['baked'], { own: true, linked: true, folders: ['b', 'h', 'o', 'tmp'] }, [],
  ]);
});
