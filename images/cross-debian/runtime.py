#!/usr/bin/python3 -IS
"""zig's C and C++ runtime, compiled once a target and kept, so that all images share it.

As a program, in a container without network: runtime.py EPOCH UNIT. UNIT is one of zig's targets, or `tools` for what
belongs to none. Reads /stage/wheels; leaves the result in /opt/wheelfarm/zig-cache.
"""
import glob
import os
import shutil
import struct
import subprocess
import sys
import zipfile

HOME = '/opt/wheelfarm'
ZIG = f'{HOME}/zig/zig'
CACHE = f'{HOME}/zig-cache'
C_SOURCE = '#include <stdio.h>\n#include <math.h>\n#include <pthread.h>\nint f(void){return printf("%f", sqrt(2));}\n'
CXX_SOURCE = ('#include <string>\n#include <vector>\n#include <stdexcept>\n'
              'std::string f(int n){std::vector<int> v(n);if(n>3)throw std::runtime_error("x");return std::to_string(n);}\n')
SYMBOL_TABLE = 2
HIDDEN = 2


def run(*command):
    """Runs a command, fails loudly."""
    subprocess.run(command, check=True, stdout=sys.stderr)


def install_zig(epoch):
    """Unpacks zig; its files get the time they have in the image, because zig compares times before it hashes."""
    [wheel] = glob.glob('/stage/wheels/ziglang-*.whl')
    os.makedirs(HOME, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall('/tmp/zig')
    shutil.move('/tmp/zig/ziglang', f'{HOME}/zig')
    shutil.rmtree('/tmp/zig')
    os.chmod(ZIG, 0o755)
    for folder, _, names in os.walk(f'{HOME}/zig'):
        for name in names:
            os.utime(os.path.join(folder, name), (epoch, epoch), follow_symlinks=False)


def use_cache():
    """Makes zig work in the cache of the image."""
    os.environ['ZIG_GLOBAL_CACHE_DIR'] = os.environ['ZIG_LOCAL_CACHE_DIR'] = CACHE


def unpack():
    """Unpacks all that was compiled before."""
    use_cache()
    for path in sorted(glob.glob('/stage/runtime/*.tar')):
        run('/usr/bin/tar', '-xf', path, '-C', HOME)


def warm(unit):
    """Compiles the runtime of one target, in the one variant that compiler.py links."""
    use_cache()
    os.makedirs(CACHE)
    os.makedirs('/tmp/warm')
    os.chdir('/tmp/warm')
    for path, text in (('f.c', C_SOURCE), ('f.cc', CXX_SOURCE), ('m.c', 'int main(void){return 0;}\n')):
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
    if unit == 'tools':
        run(ZIG, 'cc', '-target', 'x86_64-linux-gnu', '-O2', '-fPIC', '-nostdlib', '-shared', 'm.c', '-o', 'm.so')
        run(ZIG, 'objcopy', '--strip-all', 'm.so', 'n.so')
    else:
        common = ['-target', unit, '-fno-sanitize=undefined', '-O2', '-s', '-fPIC']
        run(ZIG, 'cc', *common, 'f.c', '-c', '-o', 'f.o')
        run(ZIG, 'cc', *common, '-shared', 'f.o', '-o', 'f.so')
        run(ZIG, 'cc', *common, 'm.c', '-o', 'm')
        run(ZIG, 'c++', *common, 'f.cc', '-c', '-o', 'g.o')
        run(ZIG, 'c++', *common, '-shared', 'g.o', '-o', 'g.so')
    os.chdir('/')
    for path in glob.glob(f'{CACHE}/o/*/libcompiler_rt.a'):
        hide_symbols(path)


def hide_symbols(path):
    """Makes every symbol that an archive of ELF objects defines hidden, as those of GCC's libgcc.a are.

    zig leaves its compiler runtime visible: one division on armv7l, one 128-bit division elsewhere, and an extension
    exported all 400 functions of it (ceil, log, … too) and was 150 kB larger. Hidden, the linker drops the unused.
    """
    with open(path, 'rb') as stream:
        data = bytearray(stream.read())
    member = 8
    while member < len(data):
        size = int(data[member + 48:member + 58])
        if data[member + 60:member + 64] == b'\x7fELF':
            hide_in_object(data, member + 60)
        member += 60 + size + (size & 1)
    with open(path, 'wb') as stream:
        stream.write(data)


def hide_in_object(data, start):
    """Hides the defined global and weak symbols of the ELF object that begins at `start`."""
    wide, order = data[start + 4] == 2, '<' if data[start + 5] == 1 else '>'

    def read(form, at):
        return struct.unpack_from(order + form, data, at)

    [sections] = read('Q' if wide else 'I', start + (40 if wide else 32))
    section_size, count = read('HH', start + (58 if wide else 46))
    info, section_of, symbol_size = (4, 6, 24) if wide else (12, 14, 16)
    for number in range(count):
        header = start + sections + number * section_size
        if read('I', header + 4) != (SYMBOL_TABLE,):
            continue
        offset, length = read('QQ' if wide else 'II', header + (24 if wide else 16))
        for symbol in range(start + offset, start + offset + length, symbol_size):
            binding, visibility = data[symbol + info] >> 4, symbol + info + 1
            if binding != 0 and read('H', symbol + section_of) != (0,):
                data[visibility] = data[visibility] & ~3 | HIDDEN


def prune():
    """Keeps only what a hit opens: manifests without this machine's inodes and times, and finished results."""
    for name in os.listdir(CACHE):
        if name not in ('b', 'h', 'o'):  # b: generated sources, inputs of what zig compiles from its own language
            shutil.rmtree(f'{CACHE}/{name}')
    for name in os.listdir(f'{CACHE}/h'):
        with open(f'{CACHE}/h/{name}', encoding='utf-8') as stream:
            first, *files = stream.read().split('\n')
        # "size inode mtime digest prefix path": zig hashes a file whose inode or time is another, and it always is.
        files = [' '.join([line.split(' ', 3)[0], '0', '0', line.split(' ', 3)[3]]) if line else '' for line in files]
        with open(f'{CACHE}/h/{name}', 'w', encoding='utf-8') as stream:
            stream.write('\n'.join([first, *files]))
    for name in os.listdir(f'{CACHE}/o'):
        folder = f'{CACHE}/o/{name}'
        files = os.listdir(folder)
        wanted = [f for f in files if f.endswith(('.a', 'objcopy')) or f.startswith(('lib', 'crt', 'Scrt', 'rcrt'))]
        if not wanted:
            shutil.rmtree(folder)
        elif os.path.islink(f'{folder}/lld.id'):
            os.unlink(f'{folder}/lld.id')


if __name__ == '__main__':
    install_zig(int(sys.argv[1]))
    warm(sys.argv[2])
    prune()
