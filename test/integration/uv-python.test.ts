/** The real uv against a mirror of python-build-standalone's layout on this machine, made of this machine's own Python. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installByUv, type Overlay } from '../../images/uv.ts';

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
const folder = mkdtempSync(join(tmpdir(), 'farm-uv-'));
const asked: string[] = [];
const minute = 60_000;
let server: Server;
let mirror = '';
/** `3.11.7` of this machine, and its first two parts. */
let version = '';
let python = '';
let listed = '';

/** Lays this machine's Python out as the archives of python-build-standalone are: one folder `python` that can be moved. */
const layOut = `
import os, shutil, sys, sysconfig
to, name = sys.argv[1], 'python%d.%d' % sys.version_info[:2]
left = shutil.ignore_patterns('test', 'tests', 'site-packages', 'dist-packages', '__pycache__', 'idlelib', 'tkinter', 'config-*', 'ensurepip')
shutil.copytree(sysconfig.get_path('stdlib'), f'{to}/lib/{name}', ignore=left, symlinks=True)
for place in {sysconfig.get_config_var('LIBDIR'), sysconfig.get_config_var('LIBDIR') + '/' + (sysconfig.get_config_var('MULTIARCH') or '')}:
    for file in os.listdir(place) if os.path.isdir(place) else []:
        if file.startswith('lib' + name) and '.so' in file: shutil.copy(f'{place}/{file}', f'{to}/lib/{file}')
os.makedirs(f'{to}/bin')
shutil.copy(os.path.realpath(sys._base_executable), f'{to}/bin/{name}')
os.symlink(name, f'{to}/bin/python3')
os.makedirs(f'{to}/include/{name}')
with open(f'{to}/include/{name}/pyconfig.h', 'w') as stream:
    stream.writelines(f'#define {key} {value}\\n' for key, value in sorted(sysconfig.get_config_vars().items()) if key.startswith(('HAVE_', 'SIZEOF_')))
print('.'.join(map(str, sys.version_info[:3])))
`;

/** The downloads that uv itself knows: where they lie, below an address that a mirror replaces. */
function builtIn(uv: string): { url: string; version: string; key: string }[] {
  const said = execFileSync(uv, ['python', 'list', '--all-versions', '--only-downloads', '--offline', '--no-config', '--output-format', 'json'], { encoding: 'utf8' });
  return (JSON.parse(said) as { url: string; version: string; key: string }[]).filter(({ key }) => /^cpython-[\d.]+-linux-x86_64-gnu$/.test(key));
}

const uvOf = (): string => {
  const kept = readdirSync(cacheFolder).find((name) => /^uv-.*-installed$/.test(name));
  return kept ? join(cacheFolder, kept, 'bin', 'uv') : 'uv';
};

const install = (name: string, uv: Record<string, string>): Promise<Overlay> => {
  const place = join(folder, name);
  mkdirSync(place);
  return installByUv({ name, python, architecture: 'x86_64' }, place, { cacheFolder, uv }, () => undefined, ['x86_64']);
};

beforeAll(async () => {
  const tree = join(folder, 'python');
  mkdirSync(join(tree, 'lib'), { recursive: true });
  version = execFileSync('python3', ['-c', layOut, tree], { encoding: 'utf8' }).trim();
  python = version.split('.').slice(0, 2).join('.');
  const archive = join(folder, 'archive.tar.gz');
  execFileSync('tar', ['-czf', archive, '-C', folder, 'python']);
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    createReadStream(archive).pipe(response);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await install('first', { UV_PYTHON_INSTALL_MIRROR: mirror }).catch(() => undefined); // has uv there
  const [known] = builtIn(uvOf()).filter(({ version: one }) => one.startsWith(`${python}.`));
  const key = `cpython-${version}-linux-x86_64-gnu`;
  listed = join(folder, 'list.json');
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
  // Only addresses that begin so are replaced by a mirror.
  const url = known!.url.replaceAll(known!.version, version).replace(/^https:\/\/[^/]+\/(?:github|astral-sh)\//, 'https://github.com/astral-sh/');
  const [major, minor, patch] = version.split('.').map(Number);
  writeFileSync(listed, JSON.stringify({ [key]: {
    name: 'cpython', arch: { family: 'x86_64', variant: null }, os: 'linux', libc: 'gnu', major, minor, patch, prerelease: '', url, sha256, variant: null, build: '20260101',
  } }));
}, 5 * minute);

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('uv python', () => {
  it('installs from the mirror that its own setting names, by the paths of the layout', { timeout: 2 * minute }, async () => {
    asked.length = 0;
    const { tarPath, packages } = await install('mirrored', { UV_PYTHON_INSTALL_MIRROR: mirror, UV_PYTHON_DOWNLOADS_JSON_URL: listed });
    expect(asked).toEqual([expect.stringMatching(/^\/\d{8}\/cpython-[\d.]+%2B\d{8}-x86_64-unknown-linux-gnu-install_only(?:_stripped)?\.tar\.gz$/)]);
    expect(packages).toEqual([{ name: `cpython-${version}-linux-x86_64-gnu:amd64`, version }]);
    const root = join(folder, 'root');
    mkdirSync(root);
    execFileSync('tar', ['-xf', tarPath, '-C', root]);
    const said = execFileSync(join(root, 'usr/bin/python3'), ['-IS', '-c', 'import sys, sysconfig; print(sys.prefix, sys.version.split()[0])'],
      { encoding: 'utf8', env: { LD_LIBRARY_PATH: join(root, 'usr/lib') } });
    expect(said.trim()).toBe(`${join(root, 'usr')} ${version}`);
    // As Debian's packages lie, for the scripts that make a sysroot of them; nothing names the folder of the installation.
    const debs = join(root, 'opt/wheelfarm/debs/amd64/usr');
    expect(readFileSync(join(debs, `include/x86_64-linux-gnu/python${python}/pyconfig.h`), 'utf8')).toContain('SIZEOF_LONG');
    const described = readFileSync(join(debs, `lib/python${python}/_sysconfigdata__x86_64-linux-gnu.py`), 'utf8');
    expect(described).toContain('build_time_vars');
    expect(described).not.toContain(folder);
  });

  it('installs nothing whose digest is another than the list says', { timeout: 2 * minute }, async () => {
    await expect(install('forged', { UV_PYTHON_INSTALL_MIRROR: mirror })).rejects.toThrow(/hash|sha256|digest|mismatch/i);
  });

  it('says so where the mirror does not answer', { timeout: 2 * minute }, async () => {
    await expect(install('away', { UV_PYTHON_INSTALL_MIRROR: 'http://127.0.0.1:9', UV_PYTHON_DOWNLOADS_JSON_URL: listed, UV_HTTP_RETRIES: '0' }))
      .rejects.toThrow(/127\.0\.0\.1:9/);
  });
});
