/** MarkupSafe's real sdist through the sealed images: built, repaired and imported for every default row. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadImage } from '../../images/load.ts';
import { ensureImages } from '../../images/make.ts';
import { defaultImages, rowsOf } from '../../images/recipes.ts';

const docker = new Docker();
const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
const folder = mkdtempSync(join(tmpdir(), 'farm-images-'));
const inputs = join(folder, 'in');
const tags = new Map<string, string>();
const minute = 60_000;

/** Runs in the cross image: venv, build by the hook, repair; the wheel leaves by standard output as tar. */
const build = `
import glob, json, os, subprocess, sys
described = json.load(open(f'/opt/wheelfarm/targets/{sys.argv[1]}.json'))
for name in ('home', 'tmp', 'out', 'src'): os.makedirs(f'/work/{name}')
tool = '/opt/wheelfarm/venv/bin/python'
def run(*words, **more): subprocess.run(words, check=True, stdout=sys.stderr, **more)
run('/usr/bin/python3', '-m', 'venv', '--without-pip', '/work/env')
run(tool, '-m', 'pip', '-q', '--no-cache-dir', '--python', '/work/env/bin/python', 'install', '--no-index', '--find-links', '/work/in', 'setuptools')
run('tar', 'xzf', glob.glob('/work/in/*.tar.gz')[0], '-C', '/work/src')
hook = '''
import sys, pyproject_hooks
caller = pyproject_hooks.BuildBackendHookCaller(sys.argv[1], 'setuptools.build_meta', python_executable='/work/env/bin/python')
caller.build_wheel('/work/out')
'''
environment = {**described['environment'], 'WHEELFARM_COMPILER_LOG': '/work/calls', 'SOURCE_DATE_EPOCH': '1700000000'}
run(tool, '-c', hook, glob.glob('/work/src/*')[0], env=environment)
assert open('/work/calls').read().count('argv') >= 2, 'the compilers were not called'
suffix = described['expect']['extSuffix']
assert glob.glob(f'/work/src/*/**/*{suffix}', recursive=True), f'nothing named *{suffix} was built'
run(tool, '-m', 'auditwheel', 'repair', '--plat', 'auto', '-w', '/work/repaired', glob.glob('/work/out/*.whl')[0],
    env={**os.environ, 'PATH': '/opt/wheelfarm/venv/bin:' + os.environ['PATH']})
subprocess.run(['tar', '-cf', '-', '-C', '/work/repaired', os.path.basename(glob.glob('/work/repaired/*.whl')[0])], check=True)
`;
const importIt = `
import sys, zipfile
zipfile.ZipFile(sys.argv[1]).extractall('/work/site')
sys.path.insert(0, '/work/site')
from markupsafe import _speedups, escape
print(escape('<a>'), _speedups.__file__)
`;

/** A function that asks for AVX-512 by itself, as numpy's and xxhash's do: chosen when it runs, never for all of a file. */
const wideVectors = `
import json, os, subprocess, sys
described = json.load(open(f'/opt/wheelfarm/targets/{sys.argv[1]}.json'))
with open('/work/wide.c', 'w') as stream:
    stream.write('''#include <immintrin.h>
__attribute__((target("avx512f"))) void copy(void *to, const void *from) { _mm512_storeu_si512(to, _mm512_loadu_si512(from)); }
void plain(int *to, const int *from) { for (int n = 0; n < 64; n++) to[n] += from[n]; }
''')
subprocess.run([described['environment']['CC'].split()[0], '-O3', '-S', '/work/wide.c', '-o', '/work/wide.s'], check=True,
               env={**os.environ, **described['environment']})
print(open('/work/wide.s').read())
`;

/** Flags of a sealed container, as the farm sets them. */
const sealed = ['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges',
  '--pids-limit', '512', '--memory', '2g', '--tmpfs', '/work:exec,size=1g,uid=1000,gid=1000', '--tmpfs', '/tmp', '--user', '1000'];

const inDocker = (words: readonly string[], input?: Buffer): Buffer =>
  execFileSync('docker', [...words], { maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'inherit'], ...(input ? { input } : {}) });

/** Gives `work` a sealed container that has the files of a folder in /work/in. */
function inSealed(image: string, filled: string, work: (container: string) => Buffer): Buffer {
  const container = inDocker(['create', ...sealed, image, '/bin/sleep', '600']).toString().trim();
  try {
    inDocker(['start', container]);
    const tar = execFileSync('tar', ['-cf', '-', '-C', filled, '.'], { maxBuffer: 1 << 28 });
    inDocker(['exec', container, 'mkdir', '/work/in']);
    inDocker(['exec', '-i', container, 'tar', '-xf', '-', '-C', '/work/in', '--no-same-owner', '--no-same-permissions'], tar);
    return work(container);
  } finally {
    inDocker(['rm', '--force', container]);
  }
}

beforeAll(async () => {
  const records = await ensureImages({ names: [], cacheFolder, docker });
  for (const record of records) tags.set(record.name, await loadImage(record, docker));
  mkdirSync(inputs);
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--dest', inputs];
  execFileSync('python3', [...pip, '--no-deps', '--no-binary', ':all:', 'markupsafe==3.0.2']);
  execFileSync('python3', [...pip, '--only-binary', ':all:', 'setuptools==79.0.1']);
}, 20 * minute);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('finds everything in place in less than half a second', async () => {
  const before = performance.now();
  const records = await ensureImages({ names: [], cacheFolder, docker });
  await Promise.all(records.map((record) => loadImage(record, docker)));
  expect(performance.now() - before).toBeLessThan(500);
});

const rows = defaultImages().flatMap((name) => rowsOf(name));

describe('MarkupSafe builds to a native wheel in the sealed image', () => {
  it.each(rows)('$target', { timeout: 3 * minute }, (row) => {
    const out = join(folder, row.target);
    const tar = inSealed(tags.get(row.image)!, inputs, (container) =>
      inDocker(['exec', container, '/usr/bin/python3', '-c', build, row.target]));
    mkdirSync(out);
    execFileSync('tar', ['-xf', '-', '-C', out], { input: tar });
    const platform = (row as unknown as { platformTag: string }).platformTag;
    expect(readdirSync(out)).toEqual([expect.stringMatching(new RegExp(`^markupsafe-3\\.0\\.2-.*${platform}\\.whl$`))]);
    // zig's whole compiler runtime would make it 95 kB.
    expect(statSync(join(out, readdirSync(out)[0]!)).size).toBeLessThan(40_000);
  });
});

describe('a function that asks for 512-bit vectors has them, and no other', () => {
  it.each(rows.filter(({ target }) => target.startsWith('cp313') && target.endsWith('x86_64')))('$target', { timeout: minute }, (row) => {
    const said = inSealed(tags.get(row.image)!, inputs, (container) =>
      inDocker(['exec', container, '/usr/bin/python3', '-c', wideVectors, row.target])).toString();
    const [copy = '', plain = ''] = said.slice(said.indexOf('copy:')).split('plain:');
    expect(copy).toContain('%zmm');
    expect(plain).not.toMatch(/%[yz]mm/);
  });
});

describe('the wheel imports in the test image', () => {
  it.each(rows.filter((row) => row.testImage))('$target', { timeout: 2 * minute }, (row) => {
    const out = join(folder, row.target);
    const [wheel] = readdirSync(out);
    const said = inSealed(tags.get(row.testImage!)!, out, (container) =>
      inDocker(['exec', container, '/usr/bin/python3', '-c', importIt, `/work/in/${wheel!}`])).toString();
    expect(said).toMatch(/^&lt;a&gt; .*_speedups\.cpython-/);
  });
});

/** The Debian releases that have CPython 3.13, from the oldest: glibc 2.41 and newer. */
const releases = ['test-debian-trixie-amd64', 'test-debian-forky313-amd64', 'test-debian-sid313-amd64'];

describe('the x86_64 wheel of CPython 3.13 imports on three Debian releases', () => {
  it.each(releases)('%s', { timeout: 5 * minute }, async (name) => {
    const [record] = await ensureImages({ names: [name], cacheFolder, docker });
    const out = join(folder, 'cp313-manylinux_x86_64');
    const said = inSealed(await loadImage(record!, docker), out, (container) =>
      inDocker(['exec', container, '/usr/bin/python3', '-c', importIt, `/work/in/${readdirSync(out)[0]!}`])).toString();
    expect(said).toMatch(/^&lt;a&gt; .*_speedups\.cpython-313-/);
  });
});
