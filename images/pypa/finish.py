"""Dresses an upstream image: the farm's tools in their own venv, and targets/<target>.json for every interpreter in it.

Runs in a container of the upstream image, without network. Reads /stage: wheels/, requirements.txt, rows.json,
interpreter.py, logged.py. Nothing of upstream's is changed.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

HOME = '/opt/wheelfarm'
STAGE = json.load(open('/stage/rows.json', encoding='utf-8'))
NAMES = ('cc', 'gcc', 'c++', 'g++')
KEPT = ('LD_LIBRARY_PATH', 'LIBRARY_PATH', 'PKG_CONFIG_PATH', 'ACLOCAL_PATH', 'DEVTOOLSET_ROOTPATH', 'SSL_CERT_FILE')


def run(*command, **options):
    """Runs a command, fails loudly."""
    return subprocess.run(command, check=True, **{'stdout': sys.stderr, **options})


def install_tools(python):
    """The farm's own tools, pinned by hash; builds never see them."""
    [pip] = glob.glob('/stage/wheels/pip-*.whl')
    run(python, '-m', 'venv', '--without-pip', f'{HOME}/venv')
    tools = [line for line in open('/stage/requirements.txt', encoding='utf-8') if not line.startswith('ziglang')]
    with open('/tmp/tools.txt', 'w', encoding='utf-8') as stream:
        stream.writelines(tools)
    run(f'{HOME}/venv/bin/python', f'{pip}/pip', '--no-cache-dir', 'install', '--no-index', '--no-compile', '--quiet',
        '--require-hashes', '--find-links', '/stage/wheels', '-r', '/tmp/tools.txt')
    os.unlink('/tmp/tools.txt')


def install_compilers():
    """Upstream's compilers under names that log each call before they go on."""
    os.makedirs(f'{HOME}/bin')
    with open('/stage/logged.py', encoding='utf-8') as stream:
        text = stream.read()
    with open(f'{HOME}/bin/logged', 'w', encoding='utf-8') as stream:
        stream.write(f'#!{HOME}/venv/bin/python -IS\n{text}')
    os.chmod(f'{HOME}/bin/logged', 0o755)
    for name in NAMES:
        if shutil.which(name):
            os.symlink('logged', f'{HOME}/bin/{name}')


def describe(row):
    """What the steps in the container need to know of a target; tags and markers from its own interpreter."""
    architecture = STAGE['architectures'][row['architecture']]
    [packaging] = glob.glob('/stage/wheels/packaging-*.whl')
    asked = run(row['interpreter'], '-I', '/stage/interpreter.py', '--packaging', packaging, stdout=subprocess.PIPE, text=True)
    interpreter = json.loads(asked.stdout)
    suffix = run(row['interpreter'], '-I', '-c', 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))',
                 stdout=subprocess.PIPE, text=True).stdout.strip()
    libc, floor = row['floor'].split(' ')
    flags = '-g0 -ffile-prefix-map=/work=.'
    environment = {
        'PATH': f"{HOME}/bin:{os.path.dirname(row['interpreter'])}:{os.environ['PATH']}", 'CFLAGS': flags, 'CXXFLAGS': flags,
        'WHEELFARM_TARGET': row['target'], 'PYTHONHASHSEED': '0', 'PYTHONDONTWRITEBYTECODE': '1', 'LC_ALL': 'C.UTF-8',
        'TZ': 'UTC', 'HOME': '/work/home', 'TMPDIR': '/work/tmp',
    }
    environment.update((name, os.environ[name]) for name in KEPT if name in os.environ)
    # By path: an interpreter may have been compiled by a compiler of another name.
    for variable, name in (('CC', 'gcc'), ('CXX', 'g++')):
        if os.path.lexists(f'{HOME}/bin/{name}'):
            environment[variable] = f'{HOME}/bin/{name}'
    return {
        'target': row['target'], 'environment': environment,
        'expect': {'machine': architecture['machine'], 'elfMachine': architecture['elfMachine'], 'class': architecture['class'],
                   'extSuffix': suffix, 'libc': libc, 'floor': [int(part) for part in floor.split('.')],
                   'platformTag': row['platformTag']},
        'python': row['python'], 'interpreter': row['interpreter'], 'tags': interpreter['tags'],
        'markers': interpreter['markers'], 'tagsFrom': 'interpreter',
    }


def main():
    there = [row for row in STAGE['rows'] if os.path.exists(row['interpreter'])]
    if not there:
        sys.exit('none of the interpreters that the rows name is in this image')
    for folder in ('/work', f'{HOME}/targets'):
        os.makedirs(folder, exist_ok=True)
    new = [row for row in there if row['target'].startswith('cp3') and tuple(map(int, row['python'].split('.'))) >= (3, 11)]
    install_tools((new or there)[0]['interpreter'])
    install_compilers()
    for row in there:
        print(f"step {row['target']}", file=sys.stderr, flush=True)
        with open(f"{HOME}/targets/{row['target']}.json", 'w', encoding='utf-8') as stream:
            json.dump(describe(row), stream, indent=1, sort_keys=True)


main()
