"""Sysroots for Windows: headers, import libraries and sysconfig data of a CPython that nothing here can start."""
import glob
import json
import os
import pprint
import re
import shutil
import subprocess

from warm import SYSTEM_LIBRARIES

HOME = '/opt/wheelfarm'
# zig's name of the machine → (Python's platform, `dlltool -m`, COFF machine)
MACHINES = {'x86_64': ('win-amd64', 'i386:x86-64', 0x8664), 'aarch64': ('win-arm64', 'arm64', 0xAA64)}
# MSVC takes the import library from `#pragma comment(lib)`, which clang knows only for MSVC's own ABI. The linker reads
# it from the same place in both: the object's section .drectve. Python.h of 3.11 and before includes the file twice.
LINK_LIBRARY = '''
#if !defined(Py_BUILD_CORE) && !defined(Py_NO_LINK_LIB) && !defined(__ASSEMBLER__) && !defined(_MSC_VER) \\
  && !defined(WHEELFARM_LINK_LIBRARY)
#define WHEELFARM_LINK_LIBRARY
#ifdef Py_LIMITED_API
static const char wheelfarm_link_library[] __attribute__((section(".drectve"), used)) = " /DEFAULTLIB:python3.lib ";
#else
static const char wheelfarm_link_library[] __attribute__((section(".drectve"), used)) = " /DEFAULTLIB:python{digits}.lib ";
#endif
#endif
'''
# CPython 3.11 and before say it for MSVC alone, and without it a pointer has four bytes there.
WIN64 = '''#if defined(_WIN64) && !defined(MS_WIN64)
#define MS_WIN64
#endif
'''
# What a compiler for Linux takes and the one for Windows refuses or does not need.
COMPILER = {
    'drop': [r'-lm', r'-lpthread', r'-pthread', r'-ldl', r'-lrt', r'-lutil', r'-fPIC', r'-fpic', r'-rdynamic',
             # Windows' long has 32 bits: what a project makes errors of these for Linux, it does not ask for with MSVC.
             r'-Wconversion', r'-Wshorten-64-to-32',
             r'-Wl,(-z,|-soname|-h,|-rpath|--as-needed|--no-as-needed|-O\d|-Bsymbolic|--version-script|--exclude-libs|'
             r'--hash-style|--build-id|-export-dynamic|--export-dynamic|--gc-sections|-s$).*'],
    'dropWithValue': [], 'replace': {},
    # A setup.py that asks sys.platform names none of them here. What is not used is not imported.
    'linkShared': [f'-l{name}' for name in SYSTEM_LIBRARIES], 'link': ['-L{sysroot}/libs'], 'positionIndependent': [],
}


def python_symbols(library):
    """(functions, variables) that libpython exports, without the modules in it."""
    out = subprocess.run([f'{HOME}/venv/bin/python', '-c', '''
import json, sys
from elftools.elf.elffile import ELFFile
table = ELFFile(open(sys.argv[1], 'rb')).get_section_by_name('.dynsym')
print(json.dumps([[s.name, s['st_info']['type']] for s in table.iter_symbols() if s['st_shndx'] != 'SHN_UNDEF']))
''', library], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [(name, kind) for name, kind in json.loads(out) if re.match(r'_?Py', name) and not name.startswith('PyInit_')]
    return {n for n, kind in found if kind == 'STT_FUNC'}, {n for n, kind in found if kind == 'STT_OBJECT'}


def import_library(folder, dll, functions, variables, machine, zig):
    """Writes <dll>.lib, through which a linked extension imports the names from <dll>.dll."""
    definition = f'/tmp/{dll}.def'
    with open(definition, 'w', encoding='utf-8') as stream:
        stream.write(f'LIBRARY {dll}.dll\nEXPORTS\n' + ''.join(f'{name}\n' for name in sorted(functions))
                     + ''.join(f'{name} DATA\n' for name in sorted(variables)))
    subprocess.run([zig, 'dlltool', '-m', machine, '-d', definition, '-l', f'{folder}/{dll}.lib'], check=True)
    # What linkers of the GNU kind look for where `-lpython311` is said.
    shutil.copyfile(f'{folder}/{dll}.lib', f'{folder}/lib{dll}.a')
    os.unlink(definition)


def import_libraries(folder, python, debs, machine, zig):
    """python3XY.lib from what libpython exports, python3.lib from CPython's own list of the stable ABI."""
    exports = json.load(open('/stage/exports.json', encoding='utf-8'))
    [library] = glob.glob(f'{debs}/amd64/usr/lib/*/libpython{python}.so.1.0')
    functions, variables = python_symbols(library)
    functions = (functions - set(exports['linuxOnly'])) | set(exports['windowsOnly']['functions'])
    variables |= set(exports['windowsOnly']['variables'])
    os.makedirs(folder)
    import_library(folder, f"python{python.replace('.', '')}", functions, variables, machine, zig)
    text = open(f'{debs}/source/PC/python3dll.c', encoding='utf-8').read()
    stable, data = (set(re.findall(rf'^EXPORT_{kind}\((\w+)\)', text, re.M)) for kind in ('FUNC', 'DATA'))
    import_library(folder, 'python3', stable, data, machine, zig)


def headers(include, python, debs):
    """CPython's headers with its own pyconfig.h for Windows."""
    shutil.copytree(f'{debs}/amd64/usr/include/python{python}', include)
    [config] = glob.glob(f'{debs}/source/PC/pyconfig.h*')
    text = open(config, encoding='utf-8').read()
    with open(f'{include}/pyconfig.h', 'w', encoding='utf-8') as stream:
        stream.write(WIN64 + text + LINK_LIBRARY.replace('{digits}', python.replace('.', '')))


def variables(python, sysroot, platform):
    """build_time_vars: what sysconfig says on Windows, and the compilers that setuptools asks for where os.name is posix."""
    digits = python.replace('.', '')
    soabi = f"cp{digits}-{platform.replace('-', '_')}"
    include = f'{sysroot}/include/python{python}'
    tools = {name: f'{HOME}/bin/{tool}' for name, tool in
             {'CC': 'cc', 'CXX': 'c++', 'AR': 'ar', 'RANLIB': 'ranlib', 'LINKCC': 'cc', 'MAINCC': 'cc'}.items()}
    return {
        **tools, 'SOABI': soabi, 'EXT_SUFFIX': f'.{soabi}.pyd', 'SHLIB_SUFFIX': '.pyd', 'EXE': '.exe', 'EXEEXT': '.exe',
        'VERSION': python, 'LDVERSION': python, 'py_version_nodot': digits, 'MULTIARCH': '', 'MACHDEP': 'win32',
        'LDSHARED': f'{HOME}/bin/cc -shared', 'BLDSHARED': f'{HOME}/bin/cc -shared',
        'LDCXXSHARED': f'{HOME}/bin/c++ -shared', 'CCSHARED': '', 'OPT': '-DNDEBUG -O2 -Wall', 'ARFLAGS': 'rcs',
        'CFLAGS': '-DNDEBUG -O2 -Wall', 'PY_CFLAGS': '-DNDEBUG -O2 -Wall', 'CPPFLAGS': '', 'LDFLAGS': '', 'LIBS': '',
        'INCLUDEPY': include, 'CONFINCLUDEPY': include, 'INCLUDEDIR': f'{sysroot}/include',
        'CONFINCLUDEDIR': f'{sysroot}/include', 'LIBDIR': f'{sysroot}/libs', 'LIBPL': f'{sysroot}/libs',
        'LIBRARY': f'python{digits}.lib', 'LDLIBRARY': f'python{digits}.dll', 'INSTSONAME': f'python{digits}.dll',
        'Py_ENABLE_SHARED': 1, 'Py_DEBUG': 0, 'Py_GIL_DISABLED': 0, 'ANDROID_API_LEVEL': 0, 'ABIFLAGS': '',
        'SIZEOF_VOID_P': 8, 'SIZEOF_LONG': 4, 'WITH_PYMALLOC': 1,
    }


def make_sysroot(row, _architecture, debs, zig):
    """Writes sysroots/<platform>; returns what finish.py writes into the target's description."""
    python = row['python']
    platform, machine, coff = MACHINES[row['architecture']]
    name = row['target'].split('-', 1)[1]
    sysroot = f'{HOME}/sysroots/{name}'
    headers(f'{sysroot}/include/python{python}', python, debs)
    import_libraries(f'{sysroot}/libs', python, debs, machine, zig)
    values = variables(python, sysroot, platform)
    data = f'_sysconfigdata__wheelfarm_{name}'
    with open(f'/usr/lib/python{python}/{data}.py', 'w', encoding='utf-8') as stream:
        stream.write('# Written when the image was made.\nbuild_time_vars = ' + pprint.pformat(values, width=110) + '\n')
    with open(f'{sysroot}/compiler.json', 'w', encoding='utf-8') as stream:
        json.dump(COMPILER, stream, indent=1)
    digits = python.replace('.', '')
    return {
        'path': sysroot, 'sysconfigName': data, 'suffix': values['EXT_SUFFIX'], 'undefined': [],
        'environment': {'_PYTHON_HOST_PLATFORM': platform, 'WHEELFARM_COMPILER_RULES': f'{sysroot}/compiler.json'},
        'expect': {'format': 'pe', 'coffMachine': coff, 'pythonDll': f'python{digits}.dll',
                   'suffixes': [values['EXT_SUFFIX'], '.pyd'], 'system': 'Windows',
                   'triple': f"{row['architecture']}-w64-mingw32", 'pythonLibrary': f'{sysroot}/libs/python{digits}.lib'},
    }
