import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const images = join(import.meta.dirname, '../../../images');

/** What zig would get for a call, without a call. `rules` names a platform's module that has COMPILER; null on Linux. */
function argumentsFor(zigTarget: string, rules: string | null, given: readonly string[]): string[] {
  const ask = `
import json, sys
sys.dont_write_bytecode = True
scope = {'__name__': 'asked'}
def read(path, end):
    exec(compile(open(path).read().removesuffix(end), path, 'exec'), scope)
read(sys.argv[1] + '/cross-debian/compiler.py', '\\nmain()\\n')
rules = None
if sys.argv[2]:
    sys.path[:0] = [sys.argv[1] + '/cross-desktop', sys.argv[1] + '/cross-debian']
    read(sys.argv[1] + '/cross-desktop/' + sys.argv[2], '')
    rules = scope['COMPILER']
print(json.dumps(scope['compiler_arguments']('cc', sys.argv[3:], rules)))
`;
  const env = { PATH: process.env['PATH'] ?? '', WHEELFARM_ZIG_TARGET: zigTarget, WHEELFARM_SYSROOT: '/sysroot' };
  return JSON.parse(execFileSync('python3', ['-c', ask, images, rules ?? '', ...given], { env, encoding: 'utf8' })) as string[];
}

describe('the compiler of a cell', () => {
  it('gives the 512-bit registers to what asks for AVX-512 on x86_64, and to no other machine', () => {
    expect(argumentsFor('x86_64-linux-gnu.2.17', null, ['-c', 'a.c'])).toContain('-mevex512');
    expect(argumentsFor('aarch64-linux-gnu.2.17', null, ['-c', 'a.c'])).not.toContain('-mevex512');
    // zig's runtime is linked as it was compiled into the image.
    expect(argumentsFor('x86_64-linux-musl', null, ['-shared', 'a.o', '-o', 'a.so'])).not.toContain('-mevex512');
  });

  it('does not warn on Windows of conversions to its short long, of which a project for Linux makes errors', () => {
    const given = ['-Wall', '-Wconversion', '-Werror', '-fPIC', '-c', 'a.c'];
    const got = argumentsFor('x86_64-windows-gnu', 'windows.py', given);
    expect(got).toEqual(expect.arrayContaining(['-Wall', '-Werror', '-c', 'a.c']));
    expect(got).not.toContain('-Wconversion');
    expect(argumentsFor('x86_64-linux-gnu.2.17', null, given)).toContain('-Wconversion');
  });
});
