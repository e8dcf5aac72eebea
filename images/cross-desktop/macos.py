"""Sysroots for macOS: Debian's headers and sysconfig data of the same CPython, changed to what Darwin has.

pyconfig.h is asked of zig's copy of Darwin's headers and of the symbols of its libSystem: a header is there where
`__has_include` says so, a function where libSystem exports it, a size is what the compiler says.
"""
import json
import os
import pprint
import re
import shutil
import subprocess

import sysroot as debian

HOME = '/opt/wheelfarm'
MACHINES = {'x86_64': ('x86_64', 0x01000007), 'aarch64': ('arm64', 0x0100000C)}
SIZES = {'_BOOL': '_Bool', 'DOUBLE': 'double', 'FLOAT': 'float', 'FPOS_T': 'fpos_t', 'INT': 'int', 'LONG': 'long',
         'LONG_DOUBLE': 'long double', 'LONG_LONG': 'long long', 'OFF_T': 'off_t', 'PID_T': 'pid_t',
         'PTHREAD_KEY_T': 'pthread_key_t', 'PTHREAD_T': 'pthread_t', 'SHORT': 'short', 'SIZE_T': 'size_t',
         'TIME_T': 'time_t', 'UINTPTR_T': 'uintptr_t', 'VOID_P': 'void *', 'WCHAR_T': 'wchar_t'}
ALIGNMENTS = {'LONG': 'long', 'SIZE_T': 'size_t', 'MAX_ALIGN_T': 'max_align_t'}
# Darwin shows everything when none of these is defined, and hides its own names when one is.
# configure.ac: "define_xopen_source=no" for Darwin.
NOT_DEFINED = ('_XOPEN_SOURCE', '_XOPEN_SOURCE_EXTENDED', '_POSIX_C_SOURCE', '_GNU_SOURCE')
DEFINED = {'_DARWIN_C_SOURCE': '1', 'HAVE_DYNAMIC_LOADING': '1', 'WITH_DYLD': '1', 'HAVE_SOCKADDR_SA_LEN': '1',
           'HAVE_STAT_TV_NSEC2': '1', 'HAVE_STRUCT_STAT_ST_FLAGS': '1', 'HAVE_STRUCT_STAT_ST_GEN': '1',
           'HAVE_STRUCT_STAT_ST_BIRTHTIME': '1', 'HAVE_BROKEN_POLL': None, 'HAVE_STAT_TV_NSEC': None,
           'HAVE_LINUX_VM_SOCKETS_H': None, 'HAVE_GLIBC_MEMMOVE_BUG': None, 'PTHREAD_KEY_T_IS_COMPATIBLE_WITH_INT': None,
           'HAVE_BROKEN_SEM_GETVALUE': '1', 'POSIX_SEMAPHORES_NOT_ENABLED': None, 'HAVE_LARGEFILE_SUPPORT': None}
# HAVE_ names that are neither a header nor a function: the compiler's or the language's, so Debian's answer holds.
LANGUAGE = re.compile(r'HAVE_(BUILTIN_ATOMIC|STD_ATOMIC|GCC_.*|LONG_.*|C99_.*|PROTOTYPES|STDARG_.*|UINT128|INT\d+_T|UINT\d+_T|'
                      r'SSIZE_T|ALLOCA_H|WORKING_TZSET|TZNAME|TM_ZONE|STRUCT_TM_TM_ZONE|DIRENT_D_TYPE|ADDRINFO|'
                      r'SOCKADDR_(ALG|STORAGE)|STRUCT_PASSWD_.*|STRUCT_STAT_ST_(BLKSIZE|BLOCKS|RDEV)|DECL_.*|PTHREAD_H|'
                      r'VOLATILE|WORKING_.*|FSEEKO|HTOLE64|MAKEDEV|UT_NAMESIZE|CRYPT_R)$')
COMPILER = {
    'drop': [r'-mmacosx-version-min=.*', r'-lpython3.*', r'-lrt', r'-lutil', r'-fno-common', r'-dynamic', r'-rdynamic',
             r'-pthread', r'-Wl,(-undefined.*|-z,|-soname|-h,|-rpath-link|--as-needed|--no-as-needed|-O\d|-Bsymbolic|'
             r'--version-script|--exclude-libs|--hash-style|--build-id|--export-dynamic|-export-dynamic|--gc-sections|-s$).*'],
    'dropWithValue': ['-arch', '-isysroot', '-undefined', '-bundle_loader'],
    # With -bundle zig 0.13 ends well and writes an empty file.
    'replace': {'-bundle': '-shared', '-dynamiclib': '-shared'},
    # Without a name of its own a library has the path that it was written to.
    'link': [], 'linkShared': ['-undefined', 'dynamic_lookup', '-Wl,-install_name,@rpath/{name}'], 'positionIndependent': ['-fPIC'],
}


def zig_text(zig, target, source, *flags):
    """What zig's compiler makes of a source text, as text."""
    path = os.path.join(os.environ['ZIG_GLOBAL_CACHE_DIR'], 'probe.c')
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(source)
    subprocess.run([zig, 'cc', '-target', target, *flags, path, '-o', path + '.out'], check=True)
    with open(path + '.out', encoding='utf-8') as stream:
        text = stream.read()
    os.unlink(path)
    os.unlink(path + '.out')
    return text


def present_headers(zig, target, names):
    """HAVE_X_H names whose header zig has for Darwin."""
    lines = []
    for name in names:
        stem = name[5:-2].lower()
        tests = ' || '.join(f'__has_include(<{path}.h>)' for path in sorted({stem, stem.replace('_', '/', 1)}))
        lines.append(f'#if {tests}\nHAS {name}\n#endif')
    return set(re.findall(r'^HAS (\w+)$', zig_text(zig, target, '\n'.join(lines) + '\n', '-E', '-P'), re.M))


def sizes(zig, target):
    """SIZEOF_ and ALIGNOF_ values, from the numbers that the compiler puts into an object."""
    asked = {f'SIZEOF_{name}': f'sizeof({kind})' for name, kind in SIZES.items()}
    asked |= {f'ALIGNOF_{name}': f'_Alignof({kind})' for name, kind in ALIGNMENTS.items()}
    source = '#include <stdio.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <time.h>\n#include <pthread.h>\n'
    source += '#include <sys/types.h>\n' + ''.join(f'const int ASKED_{n} = {text};\n' for n, text in asked.items())
    text = zig_text(zig, target, source, '-S', '-O1')
    found = dict(re.findall(r'^_ASKED_(\w+):\s*\n\s*\.long\s+(\d+)', text, re.M))
    if set(found) != set(asked):
        raise RuntimeError(f'the compiler gave no size for {sorted(set(asked) - set(found))}')
    return found


def darwin_config(text, zig, target):
    """pyconfig.h of Debian as configure would write it on Darwin; also returns {name: value or 0} of what changed."""
    names = set(re.findall(r'^(?:#define|/\* #undef) (HAVE_\w+)', text, re.M))
    headers = present_headers(zig, target, sorted(name for name in names if name.endswith('_H')))
    system = set(re.findall(r"\b_([a-z]\w*)", open(f'{HOME}/zig/lib/libc/darwin/libSystem.tbd', encoding='utf-8').read()))
    wanted = {name: '1' for name in names
              if name in headers or (not name.endswith('_H') and name[5:].lower() in system)}
    kept = {name for name in names if LANGUAGE.match(name)}
    answers = {name: wanted.get(name) for name in names - kept} | sizes(zig, target) | DEFINED
    if not target.startswith('x86_64'):
        answers |= {'HAVE_GCC_ASM_FOR_X64': None, 'HAVE_GCC_ASM_FOR_X87': None}
    answers |= {name: None for name in NOT_DEFINED}
    for name, value in answers.items():
        line = f'#define {name} {value}' if value else f'/* #undef {name} */'
        text, found = re.subn(rf'^(?:# *define {name}\b.*|/\* # *undef {name} \*/)$', lambda _, line=line: line, text, flags=re.M)
        if not found and value:
            text += f'\n#ifndef {name}\n{line}\n#endif\n'
    return text, {name: int(value) if value else 0 for name, value in answers.items()}


def variables(python, sysroot, debs, row, answers):
    """build_time_vars: Debian's, told what is Darwin's."""
    machine, _ = MACHINES[row['architecture']]
    original = f'{debs}/amd64/usr/lib/python{python}/_sysconfigdata__x86_64-linux-gnu.py'
    found = debian.variables(original, python, sysroot, 'darwin', set())
    soabi = f"cpython-{python.replace('.', '')}-darwin"
    flags = '-DNDEBUG -O2 -Wall'
    for name in [name for name in found if name.startswith(('HAVE_', 'SIZEOF_', 'ALIGNOF_'))]:
        found[name] = answers.get(name, found[name])
    release = '20.0.0' if machine == 'arm64' else '17.0.0'
    return {**found, **{
        'SOABI': soabi, 'EXT_SUFFIX': f'.{soabi}.so', 'SHLIB_SUFFIX': '.so', 'MULTIARCH': 'darwin', 'MACHDEP': 'darwin',
        'MACOSX_DEPLOYMENT_TARGET': row['floor'].split(' ')[1],
        'HOST_GNU_TYPE': f'{row["architecture"]}-apple-darwin{release}',
        'CCSHARED': '', 'LINKFORSHARED': '', 'CFLAGS': flags, 'PY_CFLAGS': flags, 'BASECFLAGS': '', 'OPT': flags,
        'CPPFLAGS': '', 'LIBS': '', 'SYSLIBS': '', 'LOCALMODLIBS': '', 'BASEMODLIBS': '', 'Py_ENABLE_SHARED': 0,
        'LIBDIR': f'{sysroot}/lib', 'LIBPL': f'{sysroot}/lib', 'UNIVERSALSDK': '', 'PYTHONFRAMEWORK': '',
    }}


def make_sysroot(row, _architecture, debs, zig):
    """Writes sysroots/<platform>; returns what finish.py writes into the target's description."""
    python = row['python']
    machine, cpu = MACHINES[row['architecture']]
    floor = row['floor'].split(' ')[1]
    name = row['target'].split('-', 1)[1]
    sysroot = f'{HOME}/sysroots/{name}'
    include = f'{sysroot}/include/python{python}'
    shutil.copytree(f'{debs}/amd64/usr/include/python{python}', include)
    original = open(f'{debs}/amd64/usr/include/x86_64-linux-gnu/python{python}/pyconfig.h', encoding='utf-8').read()
    text, answers = darwin_config(original, zig, row['zigTarget'])
    with open(f'{include}/pyconfig.h', 'w', encoding='utf-8') as stream:
        stream.write(text)
    os.makedirs(f'{sysroot}/lib')
    values = variables(python, sysroot, debs, row, answers)
    data = f'_sysconfigdata__wheelfarm_{name}'
    with open(f'/usr/lib/python{python}/{data}.py', 'w', encoding='utf-8') as stream:
        stream.write('# Written when the image was made.\nbuild_time_vars = ' + pprint.pformat(values, width=110) + '\n')
    with open(f'{sysroot}/compiler.json', 'w', encoding='utf-8') as stream:
        json.dump(COMPILER, stream, indent=1)
    return {
        'path': sysroot, 'sysconfigName': data, 'suffix': values['EXT_SUFFIX'], 'undefined': [],
        'environment': {
            '_PYTHON_HOST_PLATFORM': f'macosx-{floor}-{machine}', 'MACOSX_DEPLOYMENT_TARGET': floor,
            'ARCHFLAGS': f'-arch {machine}', 'WHEELFARM_COMPILER_RULES': f'{sysroot}/compiler.json',
        },
        'expect': {'format': 'mach-o', 'cpuType': cpu, 'suffixes': [values['EXT_SUFFIX'], '.abi3.so', '.so'],
                   'system': 'Darwin', 'triple': f"{row['architecture']}-apple-darwin"},
    }
