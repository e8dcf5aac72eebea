#!/usr/bin/python3 -IS
"""Compiles CPython for musl with the row's own compiler and puts it into a test root of that machine.

Runs in a container of the row's cross image, without network; the target's interpreter does not run here. Reads /stage:
rows.json ({"tested": [row]}), sources/ (CPython and the libraries, as Debian's archive has them), libraries/<name>/,
wheels/ (pip) and root/, the unpacked root. Small and soon made: no optimiser for speed, no test suite of CPython's own, every
module in the program itself. Not there: ssl, sqlite3, bz2, lzma, readline, curses, dbm, tkinter.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

HOME = '/opt/wheelfarm'
PREFIX = '/work/prefix'
LIBRARIES = ('zlib', 'libffi')
STAGE = json.load(open('/stage/rows.json', encoding='utf-8'))
# configure cannot run what it compiles.
ANSWERS = {'ac_cv_file__dev_ptmx': 'yes', 'ac_cv_file__dev_ptc': 'no', 'ac_cv_buggy_getaddrinfo': 'no',
           # Asked by a program that is linked without LDFLAGS, for which zig compiles all of musl statically: half a minute.
           'libffi_cv_as_x86_64_unwind_section_type': 'yes'}
LEFT_OUT = {'test', 'tests', 'idlelib', 'tkinter', 'turtledemo', 'ensurepip', 'lib2to3', 'pydoc_data', '__pycache__'}
# CPython 3.11 has these in setup.py, which needs an interpreter of the target for what it links.
LATER_IN_SETUP = {'3.11': '*static*\n_ctypes _ctypes/_ctypes.c _ctypes/callbacks.c _ctypes/callproc.c _ctypes/stgdict.c _ctypes/cfield.c '
                          '-DHAVE_FFI_PREP_CIF_VAR -DHAVE_FFI_PREP_CLOSURE_LOC -DHAVE_FFI_CLOSURE_ALLOC '
                          f'-I{PREFIX}/include {PREFIX}/lib/libffi.a\n'}


def say(text):
    """One progress line for whoever makes the image."""
    print(f'step {text}', file=sys.stderr, flush=True)


def run(*command, log, **options):
    """Runs a command; its output is shown only when it fails."""
    with open(log, 'wb') as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False, **options).returncode
    if status != 0:
        with open(log, encoding='utf-8', errors='replace') as stream:
            print(stream.read()[-3500:], file=sys.stderr)
        sys.exit(f'{command[0]} ended with {status}')


def unpack(beginning, folder):
    """Unpacks the source that is named so; returns its folder."""
    [path] = glob.glob(f'/stage/sources/{beginning}[_-]*')
    with tarfile.open(path) as archive:
        archive.extractall(folder, **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
    [top] = os.listdir(folder)
    return f'{folder}/{top}'


def environment_of(described, triple):
    """The environment of a build for the target, without what makes an interpreter of the build machine answer for it."""
    asked = {name: value for name, value in described['environment'].items() if not name.startswith('_PYTHON_')}
    return {**os.environ, **asked, **ANSWERS, 'PREFIX': PREFIX, 'HOST': triple, 'BUILD': 'x86_64-linux-gnu', 'LINKAGE': 'static',
            'CFLAGS': asked['CFLAGS'] + ' -O1', 'OPT': '-DNDEBUG -fwrapv -O1', 'PKG_CONFIG': '/bin/false', 'READELF': '/bin/false',
            'ZLIB_CFLAGS': f'-I{PREFIX}/include', 'ZLIB_LIBS': f'{PREFIX}/lib/libz.a',
            'LIBFFI_CFLAGS': f'-I{PREFIX}/include', 'LIBFFI_LIBS': f'{PREFIX}/lib/libffi.a',
            # By this name CPython 3.13 knows musl, whose <stdarg.h> defines it; zig's compiler has that header itself.
            'CPP': f"{asked['CC']} -E -D__DEFINED_va_list",
            'MODULE_BUILDTYPE': 'static', 'LDFLAGS': f'-L{PREFIX}/lib -ldynamic'}


def make_stub(environment):
    """An empty shared library: beside one zig links programs for musl dynamically, else statically, and those load no extensions."""
    os.makedirs(f'{PREFIX}/lib')
    with open('/work/stub.c', 'w', encoding='utf-8') as stream:
        stream.write('int wheelfarm_dynamic(void) { return 0; }\n')
    run(environment['CC'], '-shared', '-fPIC', '/work/stub.c', '-o', f'{PREFIX}/lib/libdynamic.so', env=environment, log='/work/stub.log')


def compile_python(python, machine, triple, environment):
    """Configures and compiles; returns the folder of the build."""
    source = unpack(f'python{python}', '/work/python')
    say('configure')
    known = f'/stage/answers-{machine}.txt'
    if os.path.exists(known):
        environment = {**environment, 'CONFIG_SITE': known}
    # The machine that builds is called one of musl too: CPython 3.11 takes the C library of its suffixes from that name.
    run('/bin/sh', './configure', f'--host={triple}', '--build=x86_64-pc-linux-musl', '--with-build-python=/usr/bin/python3',
        '--prefix=/usr', '--disable-test-modules', '--without-ensurepip', '--enable-ipv6', '--with-pkg-config=no',
        cwd=source, env=environment, log='/work/configure.log')
    if python in LATER_IN_SETUP:
        with open(f'{source}/Modules/Setup.stdlib', encoding='utf-8') as stream:
            text = stream.read()
        with open(f'{source}/Modules/Setup.local', 'w', encoding='utf-8') as stream:
            stream.write(LATER_IN_SETUP[python] + text)
    say('compile')
    run('/usr/bin/make', '-j2', 'python', 'pybuilddir.txt', cwd=source, env=environment, log='/work/make.log')
    return source


def install(source, python, root):
    """What an installed CPython needs to start, to import and to be asked: program, library, sysconfig data, pyconfig.h."""
    library = f'{root}/usr/lib/python{python}'
    shutil.copytree(f'{source}/Lib', library, ignore=lambda _, names: LEFT_OUT.intersection(names))
    os.makedirs(f'{library}/lib-dynload')
    with open(f'{source}/pybuilddir.txt', encoding='utf-8') as stream:
        [described] = glob.glob(f'{source}/{stream.read().strip()}/_sysconfigdata*.py')
    shutil.copy(described, library)
    os.makedirs(f'{root}/usr/include/python{python}')
    shutil.copyfile(f'{source}/pyconfig.h', f'{root}/usr/include/python{python}/pyconfig.h')
    shutil.copyfile(f'{source}/python', f'{root}/usr/bin/python{python}')
    os.chmod(f'{root}/usr/bin/python{python}', 0o755)
    os.symlink(f'python{python}', f'{root}/usr/bin/python3')
    os.makedirs(f'{root}/usr/share/doc/python{python}')
    shutil.copyfile(f'{source}/LICENSE', f'{root}/usr/share/doc/python{python}/copyright')
    [pip] = glob.glob('/stage/wheels/pip-*.whl')
    with zipfile.ZipFile(pip) as archive:
        archive.extractall(f'{library}/site-packages')
    run('/usr/bin/python3', '-m', 'compileall', '-q', '-j', '2', '--invalidation-mode', 'unchecked-hash', '-s', root, '-p', '/', library,
        log='/work/bytecode.log')


def main(root):
    [row] = STAGE['tested']
    with open(f"{HOME}/targets/{row['target']}.json", encoding='utf-8') as stream:
        described = json.load(stream)
    triple = STAGE['architectures'][row['architecture']]['multiarch'].replace('-linux-gnu', '-linux-musl')
    environment = environment_of(described, triple)
    for folder in ('/work/home', '/work/tmp'):
        os.makedirs(folder, exist_ok=True)
    make_stub(environment)
    for name in LIBRARIES:
        say(name)
        run('/bin/sh', f'/stage/libraries/{name}/build.sh', cwd=unpack(name, f'/work/{name}'), env=environment, log=f'/work/{name}.log')
    source = compile_python(row['python'], row['architecture'], triple, environment)
    say('install')
    install(source, row['python'], root)


main(sys.argv[1])
