/**
 * Tiny projects, one behaviour each, named by it. Each is packed as an sdist when a test needs it; most carry their
 * build backend with them, so that no requirement has to be fetched.
 */
import { createGzip } from 'node:zlib';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';

export interface Animal {
  readonly name: string;
  readonly version?: string;
  /** Path in the sdist -> text. */
  readonly files: Readonly<Record<string, string>>;
  /** Members as they are, for archives that no tool would write. */
  readonly rawMembers?: readonly (Partial<tar.Header> & Pick<tar.Header, 'name'>)[];
}

const inTree = '[build-system]\nrequires = []\nbuild-backend = "zoo_backend"\nbackend-path = ["."]\n';

/** An animal whose build_wheel is these lines of Python; `folder` is where the wheel goes. */
function behaves(name: string, ...lines: readonly string[]): Animal {
  const body = lines.map((line) => `    ${line}`).join('\n');
  return {
    name,
    files: {
      'pyproject.toml': inTree,
      'behaviour.py': `import os, sys, time\nfrom zoo_backend import wheel\n\n\ndef build(folder):\n${body}\n`,
    },
  };
}

/** Lines of `behaves` that write a wheel for the target with one extension module, whose bytes are a Python expression. */
const wheelFor = (name: string, bytes: string): string[] => [
  'import sysconfig',
  'platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")',
  'python = f"cp{sys.version_info[0]}{sys.version_info[1]}"',
  `files = {f"${name.replaceAll('-', '_')}{sysconfig.get_config_var('EXT_SUFFIX')}": ${bytes}}`,
  `return wheel(folder, "${name}", tag=f"{python}-{python}-{platform}", files=files)`,
];

/** An animal that setuptools builds. */
function extension(name: string, source: string, optional: boolean): Animal {
  const part = name.replaceAll('-', '_');
  return {
    name,
    files: {
      'pyproject.toml': '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
      'setup.py': [
        'from setuptools import Extension, setup',
        `setup(name="${name}", version="1.0", packages=["${part}"],`,
        `      ext_modules=[Extension("${part}._native", ["${part}/native.c"], optional=${optional ? 'True' : 'False'})])`, '',
      ].join('\n'),
      [`${part}/__init__.py`]: optional ? 'try:\n    from . import _native\nexcept ImportError:\n    _native = None\n' : 'from . import _native\n',
      [`${part}/native.c`]: source,
    },
  };
}

const goodSource = (part: string): string => [
  '#include <Python.h>',
  'static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};',
  `static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};`,
  `PyMODINIT_FUNC PyInit__native(void) { /* ${part} */ return PyModule_Create(&module); }`, '',
].join('\n');

export const animals = {
  pure: behaves('zoo-pure', 'return wheel(folder, "zoo-pure")'),
  cExtension: extension('zoo-c-extension', goodSource('c'), false),
  compileError: extension('zoo-compile-error', '#include <Python.h>\n\nint broken(void) {\n  return not_declared_anywhere;\n}\n', false),
  failsOnArmv7l: extension('zoo-fails-on-armv7l', `#if defined(__arm__)\n#error 32-bit ARM is not for us\n#endif\n${goodSource('arm')}`, false),
  missingHeader: extension('zoo-missing-header', '#include <yaml.h>\nint x;\n', false),
  swallowedError: extension('zoo-swallowed-error', '#include <Python.h>\nint broken(void) { return not_declared; }\n', true),
  brokenPyproject: { name: 'zoo-broken-pyproject', files: { 'pyproject.toml': '[build-system\nrequires = [\n' } },
  noBackend: {
    name: 'zoo-no-backend',
    files: { 'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "nowhere_at_all.backend"\n' },
  },
  unknownRequirement: {
    name: 'zoo-unknown-requirement',
    files: { 'pyproject.toml': '[build-system]\nrequires = ["wheelfarm-zoo-has-no-such-project"]\nbuild-backend = "x"\n' },
  },
  /** docopt 0.6.2 was released as an sdist only. */
  requirementWithoutWheel: {
    name: 'zoo-requirement-without-wheel',
    files: { 'pyproject.toml': '[build-system]\nrequires = ["docopt==0.6.2"]\nbuild-backend = "docopt"\n' },
  },
  hangs: behaves('zoo-hangs', 'print("going to sleep", flush=True)', 'time.sleep(3600)'),
  neverEnds: behaves('zoo-never-ends', 'while True:', '    print("still here", flush=True)', '    time.sleep(0.2)'),
  logFlood: behaves('zoo-log-flood', 'while True:', '    sys.stdout.write("x" * 65536 + "\\n")'),
  memoryHungry: behaves('zoo-memory-hungry', 'held = []', 'while True:', '    held.append(bytearray(os.urandom(1 << 20)) * 32)'),
  diskHungry: behaves('zoo-disk-hungry', 'with open("/work/filler", "wb") as out:', '    while True:', '        out.write(b"x" * (1 << 20))'),
  forkBomb: behaves('zoo-fork-bomb', 'while True:', '    try:', '        if os.fork() == 0:', '            time.sleep(600)', '    except BlockingIOError:', '        print("no more processes", flush=True)', '        raise'),
  network: behaves('zoo-network', 'import socket', 'socket.create_connection(("198.51.100.7", 80), timeout=20)', 'return wheel(folder, "zoo-network")'),
  networkByName: behaves('zoo-network-by-name', 'import urllib.request', 'urllib.request.urlopen("http://example.invalid/", timeout=20)', 'return wheel(folder, "zoo-network-by-name")'),
  twoWheels: behaves('zoo-two-wheels', 'wheel(folder, "zoo-two-wheels", tag="py2-none-any")', 'return wheel(folder, "zoo-two-wheels")'),
  noWheel: behaves('zoo-no-wheel', 'return "zoo_no_wheel-1.0-py3-none-any.whl"'),
  wrongName: behaves('zoo-wrong-name', 'return wheel(folder, "zoo-somebody-else")'),
  wrongVersion: behaves('zoo-wrong-version', 'return wheel(folder, "zoo-wrong-version", version="2.0")'),
  failsToImport: behaves('zoo-fails-to-import', 'return wheel(folder, "zoo-fails-to-import", files={"zoo_fails_to_import/__init__.py": "raise RuntimeError(\'not today\')\\n"})'),
  requirementMissingAtTest: behaves('zoo-requirement-missing', 'return wheel(folder, "zoo-requirement-missing", requires=["wheelfarm-zoo-has-no-such-project"])'),
  climbs: { name: 'zoo-climbs', files: { 'pyproject.toml': inTree }, rawMembers: [{ name: 'zoo_climbs-1.0/../../outside', size: 0 }] },
  symlinkEscape: {
    name: 'zoo-symlink-escape', files: { 'pyproject.toml': inTree },
    rawMembers: [{ name: 'zoo_symlink_escape-1.0/away', type: 'symlink', linkname: '../../../../etc/passwd', size: 0 }],
  },
  /** A code generator in C: compiled for the target and started here. */
  runsWhatItCompiled: {
    name: 'zoo-runs-what-it-compiled',
    files: {
      'pyproject.toml': '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
      'setup.py': [
        'import os, subprocess', 'from setuptools import setup',
        'subprocess.run([os.environ["CC"], "generator.c", "-o", "generator"], check=True)',
        'subprocess.run(["./generator"], check=True)',
        'setup(name="zoo-runs-what-it-compiled", version="1.0", py_modules=["made"])', ''].join('\n'),
      'generator.c': '#include <stdio.h>\nint main(void) { puts("MADE = 1"); return 0; }\n',
    },
  },
  /** Says that it is for the target and brings a program of the build machine. */
  wrongMachine: behaves('zoo-wrong-machine', ...wheelFor('zoo-wrong-machine', 'open(os.path.realpath(sys.executable), "rb").read()')),
  emptyObject: behaves('zoo-empty-object', ...wheelFor('zoo-empty-object', 'b""')),
  wrongTag: behaves('zoo-wrong-tag', 'return wheel(folder, "zoo-wrong-tag", tag="cp313-cp313-macosx_11_0_x86_64", files={"zoo_wrong_tag.py": ""})'),
  slow: behaves('zoo-slow', 'for second in range(240):', '    print("second", second, flush=True)', '    time.sleep(1)', 'return wheel(folder, "zoo-slow")'),
  slowRequires: {
    name: 'zoo-slow-requires',
    files: { 'pyproject.toml': inTree, 'behaviour.py': 'import time\n\n\ndef requires():\n    time.sleep(240)\n    return []\n' },
  },
  raises: behaves('zoo-raises', 'raise ValueError("the backend has a fault")'),
} as const satisfies Record<string, Animal>;

/** Packs an animal as `<folder>/<name>-<version>.tar.gz`; the same animal always has the same bytes. */
export async function packAnimal(animal: Animal, folder: string): Promise<string> {
  const version = animal.version ?? '1.0';
  const root = `${animal.name.replaceAll('-', '_')}-${version}`;
  const backend = await readFile(join(import.meta.dirname, 'zoo_backend.py'), 'utf8');
  const files = {
    'PKG-INFO': `Metadata-Version: 2.1\nName: ${animal.name}\nVersion: ${version}\n`,
    ...('behaviour.py' in animal.files ? { 'zoo_backend.py': backend } : {}),
    ...animal.files,
  };
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${root}.tar.gz`);
  const pack = tar.pack();
  const written = pipeline(pack, createGzip(), createWriteStream(path));
  const mtime = new Date('2024-02-03T04:05:06Z');
  for (const [name, text] of Object.entries(files)) pack.entry({ name: `${root}/${name}`, mtime }, text);
  for (const member of animal.rawMembers ?? []) pack.entry({ mtime, ...member }, '');
  pack.finalize();
  await written;
  return path;
}

/** An sdist that stops in the middle. */
export async function truncate(path: string): Promise<string> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
  return path;
}

/** An sdist with a damaged byte in its compressed stream. */
export async function corrupt(path: string): Promise<string> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
  await writeFile(path, bytes);
  return path;
}
