"""Sysroots: the target's Python headers and sysconfig data, told to use the image's compilers."""
import os
import pprint
import re
import runpy
import shutil
import subprocess

HOME = '/opt/wheelfarm'
UNWANTED = re.compile(r'^(-g[0-9]*|-specs=.*|-flto.*|-ffat-lto-objects|-f(file|debug|macro)-prefix-map=.*|'
                      r'-Wl,-z,relro|-Wl,-z,now|-Wl,-Bsymbolic-functions|-Wdate-time|-D_FORTIFY_SOURCE=.*|'
                      r'-fstack-clash-protection|-fcf-protection|-mbranch-protection=.*)$')
GNU_PROBE_FLOOR = '2.36'


def clean(value):
    """Drops the flags of Debian's own build from a sysconfig value."""
    if not isinstance(value, str) or ' -' not in ' ' + value:
        return value
    return ' '.join(word for word in value.split(' ') if not UNWANTED.match(word))


def variables(original, python, sysroot, triple, absent):
    """The build_time_vars of the target: Debian's, with our compilers, our paths and the row's triple."""
    found = runpy.run_path(original)['build_time_vars']
    debian = found['MULTIARCH']
    result = {}
    for key, value in found.items():
        if isinstance(value, str) and triple != debian:
            value = value.replace(debian, triple)
        if key in absent:
            value = 0
        result[key] = clean(value)
    include = f'{sysroot}/include/python{python}'
    tools = {name: f'{HOME}/bin/{tool}' for name, tool in
             {'CC': 'cc', 'CXX': 'c++', 'AR': 'ar', 'RANLIB': 'ranlib', 'LINKCC': 'cc', 'MAINCC': 'cc'}.items()}
    result.update(tools)
    result.update({
        'LDSHARED': f'{HOME}/bin/cc -shared', 'BLDSHARED': f'{HOME}/bin/cc -shared',
        'LDCXXSHARED': f'{HOME}/bin/c++ -shared', 'LDFLAGS': '', 'PY_LDFLAGS': '', 'PY_CORE_LDFLAGS': '',
        'CONFIGURE_LDFLAGS': '', 'CONFIGURE_LDFLAGS_NODIST': '',
        'INCLUDEPY': include, 'CONFINCLUDEPY': include, 'INCLUDEDIR': f'{sysroot}/include',
        'CONFINCLUDEDIR': f'{sysroot}/include', 'MULTIARCH': triple,
    })
    return result


def gnu_only(zig_target, pyconfig, zig):
    """Names of HAVE_… lines in pyconfig.h that glibc satisfies and the target's C library does not.

    Headers are asked by one preprocessing, functions by one link of all names, for both libraries.
    """
    text = open(pyconfig, encoding='utf-8').read()
    names = re.findall(r'^#define (HAVE_\w+) 1$', text, re.M)
    gnu = re.sub(r'-musl.*', f'-gnu.{GNU_PROBE_FLOOR}', zig_target)
    lacking = {target: lacking_headers(target, names, zig) | lacking_functions(target, names, zig)
               for target in (zig_target, gnu)}
    return sorted(lacking[zig_target] - lacking[gnu])


def lacking_headers(target, names, zig):
    """HAVE_X_H names whose header the target's C library does not have."""
    lines = []
    for name in (n for n in names if n.endswith('_H')):
        parts = name[5:-2].lower()
        spellings = {f'{parts}.h', parts.replace('_', '/', 1) + '.h'}
        test = ' || '.join(f'__has_include(<{s}>)' for s in sorted(spellings))
        lines.append(f'#if !({test})\nLACKS {name}\n#endif')
    path = os.path.join(os.environ['ZIG_GLOBAL_CACHE_DIR'], 'headers.c')
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write('\n'.join(lines) + '\n')
    out = subprocess.run([zig, 'cc', '-target', target, '-E', '-P', path], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    os.unlink(path)
    return set(re.findall(r'LACKS (\w+)', out))


def lacking_functions(target, names, zig):
    """HAVE_X names whose lower-case function the target's C library does not define.

    The linker names some twenty undefined symbols at a time: those are taken out until the rest links.
    """
    wanted = {name[5:].lower(): name for name in names if not name.endswith('_H') and '_DECL_' not in name}
    path = os.path.join(os.environ['ZIG_GLOBAL_CACHE_DIR'], 'probe.c')
    missing = set()
    while True:
        rest = [function for function in wanted if function not in missing]
        with open(path, 'w', encoding='utf-8') as stream:
            stream.writelines(f'extern char s_{f} __asm__("{f}");\n' for f in rest)
            # Read in main, or the linker would drop the names as unused before it looks for them.
            stream.write('char *volatile all[] = {' + ', '.join('&s_' + f for f in rest) + '};\n')
            stream.write('int main(void){return all[0] != 0;}\n')
        done = subprocess.run([zig, 'cc', '-target', target, '-O2', '-s', '-fPIC', '-fno-builtin', '-w', path,
                               '-o', path + '.out'], stderr=subprocess.PIPE, text=True, check=False)
        os.unlink(path)
        if done.returncode == 0:
            os.unlink(path + '.out')
            return {wanted[function] for function in missing}
        found = set(re.findall(r'undefined symbol: (\w+)', done.stderr)) & set(rest)
        if not found:
            raise RuntimeError(f'the probe of {target} failed: {done.stderr[-2000:]}')
        missing |= found


def make_sysroot(row, architecture, debs, zig):
    """Writes sysroots/<platform>; returns {path, sysconfigName, suffix, undefined}."""
    python, triple = row['python'], architecture['multiarch']
    platform = row['target'].split('-', 1)[1]
    sysroot = f'{HOME}/sysroots/{platform}'
    source = f"{debs}/{architecture['debian']}/usr"
    include = f'{sysroot}/include/python{python}'
    shutil.copytree(f'{source}/include/python{python}', include)
    shutil.copyfile(f'{source}/include/{triple}/python{python}/pyconfig.h', f'{include}/pyconfig.h')
    absent = []
    if row['floor'].startswith('musl'):
        absent = gnu_only(row['zigTarget'], f'{include}/pyconfig.h', zig)
        text = open(f'{include}/pyconfig.h', encoding='utf-8').read()
        for name in absent:
            text = re.sub(rf'^#define {name} 1$', f'/* #undef {name} */', text, flags=re.M)
        with open(f'{include}/pyconfig.h', 'w', encoding='utf-8') as stream:
            stream.write(text)
    wanted = triple.replace('-linux-gnu', '-linux-musl') if row['floor'].startswith('musl') else triple
    original = f'{source}/lib/python{python}/_sysconfigdata__{triple}.py'
    values = variables(original, python, sysroot, wanted, set(absent))
    text = '# Written when the image was made.\nbuild_time_vars = ' + pprint.pformat(values, width=110) + '\n'
    name = f'_sysconfigdata__wheelfarm_{platform}'
    os.makedirs(f'{sysroot}/lib/python{python}')
    for path in (f'{sysroot}/lib/python{python}/_sysconfigdata__{wanted}.py', f'/usr/lib/python{python}/{name}.py'):
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
    return {'path': sysroot, 'sysconfigName': name, 'suffix': values['EXT_SUFFIX'], 'undefined': absent}
