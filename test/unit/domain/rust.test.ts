import { describe, expect, it } from 'vitest';
import type { CatalogueRow } from '../../../orchestrator/domain/plan.ts';
import { needsRust, withRust } from '../../../orchestrator/domain/rust.ts';

const row = (target: string, image: string, floor: string, build: CatalogueRow['build'] = 'cross'): CatalogueRow => ({
  target, python: '3.13', image, build, testImage: null, test: 'none', buildPool: 'p', testPool: 'p', floor, repair: 'auditwheel',
});

describe('a project with Rust', () => {
  it.each([
    [['maturin>=1.8,<2'], true], [['setuptools', 'setuptools-rust==1.10'], true], [['setuptools_rust'], true],
    [['setuptools'], false], [['maturin-import-hook'], false], ['maturin', false], [undefined, false],
  ])('is told by its build requirements %j: %s', (requires, expected) => {
    expect(needsRust({ 'build-system': { requires } })).toBe(expected);
  });

  it('is built in the image with Rust; other targets say what is missing', () => {
    const rows = [
      row('cp313-manylinux_aarch64', 'cross-a', 'glibc 2.17'), row('cp313-musllinux_x86_64', 'cross-a', 'musl 1.2'),
      row('cp313-manylinux_s390x', 'cross-b', 'glibc 2.17'), row('cp313-win_arm64', 'host', 'glibc 0', 'host'),
    ];
    const { rows: served, without } = withRust(rows, new Map([['cross-a', 'rust-a']]));
    expect(served.map(({ target, image }) => `${target} ${image}`)).toEqual(['cp313-manylinux_aarch64 rust-a', 'cp313-win_arm64 host']);
    expect(without.map(({ skipped }) => `${skipped.code} ${skipped.message}`)).toEqual([
      'FARM_TARGET_UNSUPPORTED cp313-musllinux_x86_64 is not supported here: no Rust standard library for musllinux_x86_64 with Python 3.13.',
      'FARM_TARGET_UNSUPPORTED cp313-manylinux_s390x is not supported here: no Rust standard library for manylinux_s390x with Python 3.13.',
    ]);
  });
});
