import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinnedOf } from '../../../images/pin.ts';
import { rowsOf } from '../../../images/recipes.ts';
import { expandUnsupported, type UnsupportedLine } from '../../../orchestrator/domain/unsupported.ts';
import { pypaParts, pypaRows, type Pinned } from '../../../orchestrator/domain/pypa.ts';
import { parseTargetId } from '../../../orchestrator/domain/tags.ts';

const images = join(import.meta.dirname, '../../../images');
const read = <T>(name: string): T => JSON.parse(readFileSync(join(images, name), 'utf8')) as T;
const pinned = read<Pinned>('pypa/pinned.json');
const rows = pypaRows(pinned);

describe('rows of upstream\'s images', () => {
  it('has every interpreter of every image, lowest floor first, each image by its digest', () => {
    expect(rows.filter(({ target }) => target === 'cp313-manylinux_x86_64').map(({ image, floor, build }) => [image, floor, build])).toEqual([
      ['pypa-manylinux2014_x86_64', 'glibc 2.17', 'native'], ['pypa-manylinux_2_28_x86_64', 'glibc 2.28', 'native'],
      ['pypa-manylinux_2_34_x86_64', 'glibc 2.34', 'native']]);
    expect(rows.find(({ target }) => target === 'cp313-musllinux_aarch64')).toMatchObject({
      build: 'qemu', test: 'qemu', platformTag: 'musllinux_1_2_aarch64', interpreter: '/opt/python/cp313-cp313/bin/python' });
    const kinds = new Set(rows.map(({ target }) => target.slice(0, 2)));
    expect([...kinds].toSorted()).toEqual(['cp', 'gp', 'pp']);
    expect(rows.some(({ target }) => target.startsWith('cp314t-'))).toBe(true);
    for (const reference of Object.values(pinned.images)) expect(reference).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(rowsOf('pypa-manylinux_2_31_armv7l').length).toBeGreaterThan(5);
  });

  it('takes image names apart', () => {
    expect(pypaParts('manylinux2014_x86_64')).toEqual({ family: 'manylinux', version: '2_17', architecture: 'x86_64' });
    expect(pypaParts('musllinux_1_2_riscv64')).toEqual({ family: 'musllinux', version: '1_2', architecture: 'riscv64' });
    expect(pypaParts('debian')).toBeNull();
  });

  it('is written from the two files of cibuildwheel', () => {
    const config = ['[x86_64]', ...Array.from({ length: 12 }, (_, n) => `a = r.example/pypa/musllinux_1_${n}_x86_64@sha256:${'a'.repeat(64)}  # 1`)].join('\n');
    const platforms = ['[linux]', 'python_configurations = [',
      ...Array.from({ length: 60 }, (_, n) => `{ identifier = "cp3${n}-manylinux_x86_64", version = "3.${n}", path_str = "/opt/python/cp3${n}" },`), ']'].join('\n');
    const made = pinnedOf('1.0', config, platforms);
    expect(made.images['musllinux_1_11_x86_64']).toBe(`r.example/pypa/musllinux_1_11_x86_64@sha256:${'a'.repeat(64)}`);
    expect(made.pythons[7]).toEqual({ target: 'cp37-manylinux_x86_64', python: '3.7', folder: '/opt/python/cp37' });
    expect(() => pinnedOf('1.0', '', platforms)).toThrow('in another way');
  });
});

describe('the grid', () => {
  const served = new Set([...rows, ...read<{ target: string }[]>('catalogue.json')].map(({ target }) => target));
  const grid = expandUnsupported(read<UnsupportedLine[]>('unsupported.json'), served);

  it('names a cause for every target without a row, and only for those', () => {
    expect(grid.every(({ target, skipped }) => !served.has(target) && skipped.code === 'FARM_TARGET_UNSUPPORTED')).toBe(true);
    expect(grid.every(({ target, python }) => parseTargetId(target).ok && /^3\.\d+$/.test(python))).toBe(true);
    const why = (target: string): string | undefined => grid.find((one) => one.target === target)?.skipped.message;
    expect(why('cp313-win32')).toContain('32-bit Windows');
    expect(why('cp313-android_arm64_v8a')).toContain('Android NDK');
    expect(why('cp313-ios_arm64_iphoneos')).toContain('iOS SDK');
    expect(why('cp313-manylinux_i686')).toContain('i686');
    expect(why('cp313-pyodide_wasm32')).toContain('Emscripten');
  });
});
