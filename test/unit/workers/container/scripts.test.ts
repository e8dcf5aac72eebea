import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { containerScripts } from '../../../../workers/steps/box-layout.ts';
import { python } from './python.ts';

const ask = python();

it('every script is on the list of those that are put into a box', () => {
  const folder = fileURLToPath(new URL('../../../../workers/container', import.meta.url));
  expect(readdirSync(folder).filter((name) => name.endsWith('.py')).sort()).toEqual([...containerScripts].sort());
});

describe('build-system', () => {
  const read = (text: string | null) => ask('import pyproject\nanswer = pyproject.build_system(given)', text);
  const legacy = { backend: 'setuptools.build_meta:__legacy__', backendPath: null, requires: ['setuptools >= 40.8.0'] };

  it('is the legacy one without a file, a table or a backend', async () => {
    expect(await read(null)).toEqual(legacy);
    expect(await read('[project]\nname="x"')).toEqual(legacy);
    expect(await read('[build-system]\nrequires=["setuptools","wheel"]')).toEqual({ ...legacy,
      requires: ['setuptools', 'wheel'] });
  });

  it('is read as it stands', async () => {
    expect(await read('[build-system]\nrequires=[]\nbuild-backend="b"\nbackend-path=["."]'))
      .toEqual({ backend: 'b', backendPath: ['.'], requires: [] });
  });

  it.each([
    ['[build-system]\nrequires = ["setuptools"\nbuild-backend = 3\n', /line 3/],
    ['[build-system]\nbuild-backend="b"\n', /requires must be a list/],
    ['[build-system]\nrequires=[]\nbuild-backend="b"\nbackend-path=["../x"]', /leaves the source tree \(line 4\)/],
  ])('says the line where %j is wrong', async (text, why) => {
    expect(await read(text)).toMatchObject({ code: 'FARM_PYPROJECT_BROKEN',
      words: { why: expect.stringMatching(why) as string } });
  });
});

describe('unpacking an sdist', () => {
  const unpack = (members: { name: string; link?: string; text?: string }[], cut = 0) => ask(`
import io, os, tarfile, tempfile, prepare
with tempfile.TemporaryDirectory() as folder:
    archive = os.path.join(folder, "x-1.0.tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        for member in given["members"]:
            entry = tarfile.TarInfo(member["name"])
            raw = member.get("text", "").encode()
            entry.size = len(raw)
            if "link" in member:
                entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, member["link"], 0
            tar.addfile(entry, io.BytesIO(raw))
    if given["cut"]:
        with open(archive, "r+b") as file:
            file.truncate(os.path.getsize(archive) - given["cut"])
    src = os.path.join(folder, "src")
    prepare.unpack(archive, src)
    answer = sorted(os.path.relpath(os.path.join(at, name), src) for at, _, names in os.walk(src) for name in names)
    if os.path.exists(os.path.join(folder, "evil")):
        answer = "evil"`, { members, cut });

  it('makes the one top folder the source folder', async () => {
    expect(await unpack([{ name: 'x-1.0/PKG-INFO' }, { name: 'x-1.0/a/b.py' }])).toEqual(['PKG-INFO', 'a/b.py']);
    expect(await unpack([{ name: 'pyproject.toml' }, { name: 'x.py' }])).toEqual(['pyproject.toml', 'x.py']);
  });

  it.each([
    ['a member above', [{ name: 'x-1.0/../../evil', text: 'x' }]],
    ['an absolute member', [{ name: '/evil', text: 'x' }]],
    ['a link above', [{ name: 'x-1.0/a', link: '../../evil' }]],
    ['a link to an absolute path', [{ name: 'x-1.0/a', link: '/etc/passwd' }]],
    ['a member behind a chain of links', [
      { name: 'x-1.0/d', link: '.' }, { name: 'x-1.0/e', link: 'd/../..' }, { name: 'x-1.0/e/evil', text: 'x' }]],
  ])('refuses %s', async (_, members) => {
    expect(await unpack(members)).toMatchObject({ code: 'FARM_SDIST_CLIMBS' });
  });

  it('tells one that ends too early', async () => {
    const text = Array.from({ length: 20_000 }, (_, at) => String((at * 7919) % 10_007)).join(' ');
    expect(await unpack([{ name: 'x-1.0/a', text }], 500)).toMatchObject({ code: 'FARM_SDIST_TRUNCATED' });
  });
});

describe('what the test imports', () => {
  const modules = (...names: string[]) => ask('import test\nanswer = test.modules_of(given)', names);

  it.each([
    [['markupsafe/__init__.py', 'markupsafe/_native.py', 'markupsafe/_speedups.cpython-311-x86_64-linux-gnu.so',
      'markupsafe/py.typed', 'MarkupSafe-3.0.2.dist-info/RECORD'],
      ['markupsafe', 'markupsafe._speedups']],
    [['six.py', 'six-1.0.dist-info/METADATA'], ['six']],
    [['_cffi_backend.abi3.so', 'cffi/__init__.py', 'cffi/api.py'], ['_cffi_backend', 'cffi']],
    [['yaml/__init__.py', '_yaml/__init__.py'], ['yaml']],
    [['_only/__init__.py'], ['_only']],
    [['google/cloud/x/__init__.py', 'google/cloud/x/y/__init__.py'], ['google.cloud.x']],
    [['tests/__init__.py', 'demo/__init__.py', 'demo/tests/_t.so', 'demo/__main__.py'], ['demo']],
    [['demo-1.0.data/purelib/demo/__init__.py', 'demo-1.0.data/scripts/demo.py', 'demo.libs/libz-1.so'], ['demo']],
  ])('%j', async (names, expected) => {
    expect(await modules(...names)).toEqual(expected);
  });
});

describe('an import that fails', () => {
  const importing = (modules: string[], files: Record<string, string>) => ask(`
import os, sys, tempfile, types, test
with tempfile.TemporaryDirectory() as folder:
    for name, text in given["files"].items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    standard = sys.stdlib_module_names
    test.sys = types.SimpleNamespace(stdlib_module_names=standard | {"_made_without"}, path=sys.path)
    sys.path.insert(0, folder)
    try:
        answer = test.import_all(given["modules"], os.path.join(folder, "result.json"))
    finally:
        sys.path.remove(folder)
        test.sys = sys
        for name in [name for name in sys.modules if name.split(".")[0].startswith("imported_")]:
            del sys.modules[name]`, { modules, files });

  it('is the interpreter’s where it lacks a module of the standard library', async () => {
    expect(await importing(['imported_a'], { 'imported_a/__init__.py': 'import _made_without' }))
      .toMatchObject({ code: 'FARM_TEST_PYTHON', words: { why: 'imported_a imports _made_without' } });
  });

  it('is nobody’s where a module inside the package wants a project that the wheel does not require', async () => {
    const files = { 'imported_b/__init__.py': '', 'imported_b/_one.py': '', 'imported_b/_second.py': 'import nobody_has_this' };
    expect(await importing(['imported_b', 'imported_b._one', 'imported_b._second'], files)).toEqual(['imported_b', 'imported_b._one']);
  });

  it.each([
    ['the package itself', ['imported_c'], { 'imported_c/__init__.py': 'import nobody_has_this' }],
    ['a module of its own that is not there', ['imported_d', 'imported_d._x'], { 'imported_d/__init__.py': '', 'imported_d/_x.py': 'import imported_d.gone' }],
    ['another error', ['imported_e', 'imported_e._x'], { 'imported_e/__init__.py': '', 'imported_e/_x.py': 'raise ImportError("undefined symbol: f")' }],
  ])('is the wheel’s: %s', async (_, modules, files) => {
    expect(await importing(modules, files)).toMatchObject({ code: 'FARM_TEST_IMPORT' });
  });
});

it('counts as compiler calls those that name an input', async () => {
  const calls = [['cc', '-c', 'x.c', '-o', 'x.o'], ['cc', '--version'], ['cc', '-print-multiarch', 'x'], ['cc', '-v'],
    ['cc', '-shared', 'x.o']];
  expect(await ask('import compilerlog\nanswer = [compilerlog.is_compile(each) for each in given]', calls))
    .toEqual([true, false, false, false, true]);
});

it('tells that a library is compiled while its build says nothing, and keeps the last lines', async () => {
  const answer = await ask(`
import contextlib, io, os, tempfile, library
library.SILENCE_SECONDS = 0.05
folder = tempfile.mkdtemp()
script = os.path.join(folder, "build.sh")
with open(script, "w") as file:
    file.write("echo first; sleep 0.3; for each in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo line $each; done; exit 3")
said = io.StringIO()
with contextlib.redirect_stdout(said):
    status, lines = library.run_script(script, folder, dict(os.environ))
answer = [status, lines[0], lines[-1], "wheelfarm: build.sh runs for 0 s" in said.getvalue(), said.getvalue().startswith("first")]`);
  expect(answer).toEqual([3, 'line 2', 'line 13', true, true]);
});
