/** The CPython that is compiled for musl says of itself what the cross rows compute of it, and installs and imports a wheel of such a row. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadImage } from '../../images/load.ts';
import { ensureImages } from '../../images/make.ts';
import { defaultImages, lateImages, testedIn } from '../../images/recipes.ts';

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
const docker = new Docker();
const minute = 60_000;
const names = defaultImages().filter((name) => lateImages().has(name));
const tags = new Map<string, string>();

beforeAll(async () => {
  for (const record of await ensureImages({ names, cacheFolder, docker })) tags.set(record.name, await loadImage(record, docker));
}, 30 * minute);

const sealed = ['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--user', '1000', '--tmpfs', '/tmp:exec'];
const inImage = (name: string, ...words: string[]): string => execFileSync('docker', [...sealed, name, ...words], { encoding: 'utf8', maxBuffer: 1 << 26 });

/** What the probe of the zoo asks in a build, asked of the interpreter itself. */
const probe = `
import importlib.machinery, json, os, platform, struct, sys, sysconfig
from pip._vendor.packaging import tags
from pip._vendor.packaging.markers import default_environment
markers = default_environment()
print(json.dumps({
    'sys': {'platform': sys.platform, 'maxsize': hex(sys.maxsize), 'multiarch': sys.implementation._multiarch, 'cache': sys.implementation.cache_tag},
    'os': {'machine': os.uname().machine, 'sysname': os.uname().sysname},
    'platform': {'machine': platform.machine(), 'system': platform.system()},
    'sysconfig': {'platform': sysconfig.get_platform(),
                  **{name: sysconfig.get_config_var(name) for name in ('EXT_SUFFIX', 'SOABI', 'MULTIARCH', 'SIZEOF_VOID_P', 'SIZEOF_LONG')}},
    'pointer': struct.calcsize('P'), 'suffixes': importlib.machinery.EXTENSION_SUFFIXES,
    'markers': {name: markers[name] for name in ('platform_machine', 'platform_system', 'sys_platform', 'os_name', 'python_version')},
    'tags': [str(tag) for tag in tags.sys_tags() if tag.abi == tag.interpreter], 'tagCount': len(list(tags.sys_tags())),
}))
`;

/** The lines of pyconfig.h that say what the C library has: name by value. */
const defined = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^#define ((?:HAVE|SIZEOF|ALIGNOF)_\w+) (.+)$/gm)].map(([, name = '', value = '']) => [name, value]));

describe.each(names)('%s', (name) => {
  const [row] = testedIn(name);
  const { target = '', image = '', python = '' } = row ?? {};

  it('agrees with the golden of its cross row', () => {
    const said = JSON.parse(inImage(tags.get(name)!, '/usr/bin/python3', '-c', probe)) as Record<string, unknown>;
    const golden = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'golden', 'cross', `${target}.json`), 'utf8')) as Record<string, unknown>;
    // The order of `linux_x86_64` among them is another in each version of packaging.
    expect((golden['tags'] as string[]).toSorted()).toEqual((said['tags'] as string[]).toSorted());
    expect(golden).toMatchObject({ ...said, tags: golden['tags'] });
  });

  it('has the types and functions that the headers of the row promise', async () => {
    const [cross] = await ensureImages({ names: [image], cacheFolder, docker });
    const sysroot = `/opt/wheelfarm/sysroots/${target.split('-')[1] ?? ''}/include/python${python}/pyconfig.h`;
    const promised = defined(inImage(await loadImage(cross!, docker), '/bin/cat', sysroot));
    const real = defined(inImage(tags.get(name)!, '/bin/cat', `/usr/include/python${python}/pyconfig.h`));
    expect(real.size).toBeGreaterThan(300);
    const wrong = [...promised].filter(([one, value]) => real.get(one) !== value && !ofDebian.test(one)).map(([one]) => one);
    expect(wrong).toEqual([]);
  });

  it('runs on musl, and has what an installation needs', () => {
    expect(inImage(tags.get(name)!, '/lib/ld-musl-x86_64.so.1', '--list', '/usr/bin/python3')).toMatch(/libc\.so => \/lib\/ld-musl/);
    expect(inImage(tags.get(name)!, '/usr/bin/python3', '-c',
      'import ctypes, zlib, hashlib, venv, pip, decimal, xml.parsers.expat; print(ctypes.CDLL(None).getpid() > 0, zlib.ZLIB_RUNTIME_VERSION)')).toMatch(/^True 1\.3/);
  });
});

/**
 * Not compared: what only CPython's own modules use of libraries that are absent here, what configure finds only by running a program,
 * and a flag of dlopen that CPython offers in `os`, which Debian's header promises and musl has not.
 */
const ofDebian = /^HAVE_(?:\w*CURSES\w*|BLUETOOTH_BLUETOOTH_H|BZLIB_H|RPC_RPC_H|DB_H|LIBDB|\w*GDBM\w*|LIBSQLITE3|LIBREADLINE|PANELW?(?:_H)?|RL_\w+|TERM_H|UUID_\w+|COMPUTED_GOTOS|WORKING_TZSET|DECL_RTLD_DEEPBIND)$/;
