#!/usr/bin/python3 -IS
"""Turns the unpacked Debian root into the cross image. Runs in a container of that root, without network.

Reads /stage: wheels/, requirements.txt, rows.json ({"epoch", "rows", "architectures", "interpreters"}),
compiler.py, runtime.py, modules of SYSROOTS and runtime/*.tar, zig's runtime for every target of the rows.
Writes below /opt/wheelfarm: venv, zig, zig-cache, bin, sysroots, targets.
"""
import glob
import importlib
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, '/stage')
import runtime  # noqa: E402

HOME = '/opt/wheelfarm'
ZIG = f'{HOME}/zig/zig'
# Modules that make a sysroot, by the family of the target; a recipe's files hold those that its rows need.
SYSROOTS = {'manylinux': 'sysroot', 'musllinux': 'sysroot', 'win': 'windows', 'macosx': 'macos'}


def say(text):
    """One progress line for whoever makes the image."""
    print(f'step {text}', file=sys.stderr, flush=True)


def run(*command, **options):
    """Runs a command, fails loudly."""
    subprocess.run(command, check=True, stdout=sys.stderr, **options)


def install_tools():
    """The farm's own tools in their own venv, and zig beside it; nothing of either reaches a build's environment."""
    [pip] = glob.glob('/stage/wheels/pip-*.whl')
    run('/usr/bin/python3', '-m', 'venv', '--without-pip', f'{HOME}/venv')
    tools = [line for line in open('/stage/requirements.txt', encoding='utf-8') if not line.startswith('ziglang')]
    with open('/tmp/tools.txt', 'w', encoding='utf-8') as stream:
        stream.writelines(tools)
    run(f'{HOME}/venv/bin/python', f'{pip}/pip', '--no-cache-dir', 'install', '--no-index', '--no-compile', '--quiet',
        '--require-hashes', '--find-links', '/stage/wheels', '-r', '/tmp/tools.txt')
    os.unlink('/tmp/tools.txt')
    runtime.install_zig(STAGE['epoch'])


def install_compilers():
    """compiler.py under every name a build may call."""
    os.makedirs(f'{HOME}/bin')
    shutil.copyfile('/stage/compiler.py', f'{HOME}/bin/compiler')
    os.chmod(f'{HOME}/bin/compiler', 0o755)
    for name in ('cc', 'gcc', 'clang', 'c++', 'g++', 'clang++', 'ar', 'ranlib', 'strip', 'ld', 'objcopy', 'build-cc',
                 'build-c++', 'windres', 'install_name_tool'):
        os.symlink('compiler', f'{HOME}/bin/{name}')
    for architecture in STAGE['architectures'].values():
        # Sysconfig data and configure scripts name compilers by triple.
        for tool, ours in (('gcc', 'cc'), ('g++', 'c++')):
            os.symlink(ours, f"{HOME}/bin/{architecture['multiarch']}-{tool}")


def describe(row, made):
    """targets/<target>.json: all that the steps in the container need to know of a target."""
    architecture = STAGE['architectures'][row['architecture']]
    libc, floor = row['floor'].split(' ')
    interpreter = STAGE['interpreters'].get(row['testImage'] or '') or computed_interpreter(row)
    environment = {
        'PATH': f'{HOME}/bin:/usr/local/bin:/usr/bin:/bin',
        'CC': f'{HOME}/bin/cc', 'CXX': f'{HOME}/bin/c++', 'AR': f'{HOME}/bin/ar', 'RANLIB': f'{HOME}/bin/ranlib',
        'STRIP': f'{HOME}/bin/strip', 'LDSHARED': f'{HOME}/bin/cc -shared', 'LDCXXSHARED': f'{HOME}/bin/c++ -shared',
        'CFLAGS': '-g0 -ffile-prefix-map=/work=.', 'CXXFLAGS': '-g0 -ffile-prefix-map=/work=.',
        'WHEELFARM_TARGET': row['target'], 'WHEELFARM_ZIG_TARGET': row['zigTarget'],
        'WHEELFARM_SYSROOT': made['path'], 'ZIG_GLOBAL_CACHE_DIR': '/work/.zig-cache',
        '_PYTHON_SYSCONFIGDATA_NAME': made['sysconfigName'], '_PYTHON_HOST_PLATFORM': f"linux-{row['architecture']}",
        'PYTHONHASHSEED': '0', 'PYTHONDONTWRITEBYTECODE': '1', 'LC_ALL': 'C.UTF-8', 'TZ': 'UTC',
        'HOME': '/work/home', 'TMPDIR': '/work/tmp',
    }
    if libc == 'musl':
        environment['WHEELFARM_NEEDED'] = f"libc.so=libc.musl-{row['architecture']}.so.1"
    return {
        'target': row['target'], 'environment': {**environment, **made.get('environment', {})},
        'expect': {'machine': architecture['machine'], 'elfMachine': architecture['elfMachine'],
                   'class': architecture['class'], 'extSuffix': made['suffix'], 'libc': libc,
                   'floor': [int(part) for part in floor.split('.')], 'platformTag': row['platformTag'], **made.get('expect', {})},
        'python': row['python'], 'sysroot': made['path'], 'undefinedForLibc': made['undefined'],
        'tags': interpreter['tags'], 'markers': interpreter['markers'], 'tagsFrom': interpreter['from'],
    }


def computed_interpreter(row):
    """Tags and markers of a target that nothing here can run, computed by packaging from the row."""
    return json.loads(subprocess.run(
        [f'{HOME}/venv/bin/python', '-B', '/stage/interpreter.py', '--compute', row['python'], row['platformTag'],
         row['architecture']], check=True, stdout=subprocess.PIPE, text=True).stdout)


STAGE = json.load(open('/stage/rows.json', encoding='utf-8'))


def main():
    say('tools')
    install_tools()
    install_compilers()
    say('runtime')
    runtime.unpack()
    say('sysroots')
    # The probes of the sysroots fill a cache of their own: the image's keeps just what was compiled for it.
    os.environ['ZIG_GLOBAL_CACHE_DIR'] = os.environ['ZIG_LOCAL_CACHE_DIR'] = '/tmp/probes'
    shutil.copytree(runtime.CACHE, '/tmp/probes')
    os.makedirs(f'{HOME}/targets')
    for row in STAGE['rows']:
        maker = importlib.import_module(SYSROOTS[row['target'].split('-', 1)[1].split('_')[0]])
        made = maker.make_sysroot(row, STAGE['architectures'][row['architecture']], f'{HOME}/debs', ZIG)
        with open(f"{HOME}/targets/{row['target']}.json", 'w', encoding='utf-8') as stream:
            json.dump(describe(row, made), stream, indent=1, sort_keys=True)
    shutil.rmtree('/tmp/probes')
    shutil.rmtree(f'{HOME}/debs')
    say('bytecode')
    version = STAGE['rows'][0]['python']
    run('/usr/bin/python3', '-m', 'compileall', '-q', '-j', '2', '--invalidation-mode', 'unchecked-hash',
        '-x', r'/(test|tests|idlelib|turtledemo|lib2to3)/', f'/usr/lib/python{version}', '/usr/lib/python3',
        f'{HOME}/venv/lib')


main()
