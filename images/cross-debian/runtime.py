"""zig's C and C++ runtime, compiled once for every target and kept in the image."""
import os
import shutil
import subprocess
import sys
import time

HOME = '/opt/wheelfarm'
ZIG = f'{HOME}/zig/zig'
CACHE = f'{HOME}/zig-cache'
C_SOURCE = '#include <stdio.h>\n#include <math.h>\n#include <pthread.h>\nint f(void){return printf("%f", sqrt(2));}\n'
CXX_SOURCE = ('#include <string>\n#include <vector>\n#include <stdexcept>\n'
              'std::string f(int n){std::vector<int> v(n);if(n>3)throw std::runtime_error("x");return std::to_string(n);}\n')


def run(*command):
    """Runs a command, fails loudly."""
    subprocess.run(command, check=True, stdout=sys.stderr)


def warm(zig_targets):
    """Compiles zig's C and C++ runtime for every target, as the compilers link it, then keeps only the results."""
    os.environ['ZIG_GLOBAL_CACHE_DIR'] = os.environ['ZIG_LOCAL_CACHE_DIR'] = CACHE
    if os.path.exists('/stage/zig-cache.tar'):
        run('/usr/bin/tar', '-xf', '/stage/zig-cache.tar', '-C', HOME)
        return
    os.makedirs(CACHE)
    os.makedirs('/tmp/warm', exist_ok=True)
    os.chdir('/tmp/warm')
    for path, text in (('f.c', C_SOURCE), ('f.cc', CXX_SOURCE), ('m.c', 'int main(void){return 0;}\n')):
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
    for target in zig_targets:
        started = time.monotonic()
        common = ['-target', target, '-fno-sanitize=undefined', '-O2', '-s', '-fPIC']
        run(ZIG, 'cc', *common, 'f.c', '-c', '-o', 'f.o')
        run(ZIG, 'cc', *common, '-shared', 'f.o', '-o', 'f.so')
        run(ZIG, 'cc', *common, 'm.c', '-o', 'm')
        run(ZIG, 'c++', *common, 'f.cc', '-c', '-o', 'g.o')
        run(ZIG, 'c++', *common, '-shared', 'g.o', '-o', 'g.so')
        run(ZIG, 'objcopy', '--strip-all', 'g.so', 'h.so')
        print(f'step runtime of {target} compiled in {time.monotonic() - started:.0f} s', file=sys.stderr, flush=True)
    os.chdir('/')
    shutil.rmtree('/tmp/warm')


def prune():
    """Drops intermediate objects from the baked cache: only what a hit opens stays."""
    for name in os.listdir(CACHE):
        if name not in ('h', 'o'):
            shutil.rmtree(f'{CACHE}/{name}')
    for name in os.listdir(f'{CACHE}/o'):
        folder = f'{CACHE}/o/{name}'
        files = os.listdir(folder)
        wanted = [f for f in files if f.endswith(('.a', 'objcopy')) or f.startswith(('lib', 'crt', 'Scrt', 'rcrt'))]
        if not wanted:
            shutil.rmtree(folder)
