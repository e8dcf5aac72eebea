#!/usr/bin/python3 -IS
"""zig's runtime for Windows and macOS, kept as runtime.py keeps that of Linux: warm.py EPOCH UNIT.

What differs: for Windows zig names its libraries *.lib, and adds the import libraries of the system DLLs when a link
first names one; those of extensions in the wild are made here.
"""
import glob
import os
import shutil
import sys

sys.path.insert(0, '/stage')
import runtime  # noqa: E402

# Named by extensions on PyPI. Not in the list: made when linked, in a second.
SYSTEM_LIBRARIES = ('advapi32', 'bcrypt', 'crypt32', 'gdi32', 'iphlpapi', 'kernel32', 'ntdll', 'ole32', 'oleaut32',
                    'psapi', 'secur32', 'shell32', 'shlwapi', 'user32', 'userenv', 'uuid', 'version', 'winmm', 'ws2_32')


def system_libraries(unit):
    """Links one library that names them all."""
    common = ['-target', unit, '-fno-sanitize=undefined', '-O2', '-s', '-fPIC']
    runtime.run(runtime.ZIG, 'cc', *common, '-shared', '/tmp/warm/m.c', '-o', '/tmp/warm/s.dll',
                *[f'-l{name}' for name in SYSTEM_LIBRARIES])


def prune_windows():
    """As runtime.prune(), which knows the names of Linux's libraries: those of Windows stand aside meanwhile."""
    os.makedirs('/tmp/aside')
    for folder in glob.glob(f'{runtime.CACHE}/o/*'):
        names = os.listdir(folder)
        if not any(is_windows_result(name) for name in names):
            continue
        aside = f'/tmp/aside/{os.path.basename(folder)}'
        os.makedirs(aside)
        for name in filter(is_windows_result, names):
            shutil.copyfile(f'{folder}/{name}', f'{aside}/{name}')
    runtime.prune()
    shutil.copytree('/tmp/aside', f'{runtime.CACHE}/o', dirs_exist_ok=True)


def is_windows_result(name):
    """Libraries, and the start of a program or DLL; not the single objects of a library."""
    return name.endswith(('.lib', 'crt2.obj'))


def main(epoch, unit):
    runtime.install_zig(epoch)
    if '-windows-' in unit:
        runtime.C_SOURCE = runtime.C_SOURCE.replace('#include <pthread.h>\n', '')
    runtime.warm(unit)
    if '-windows-' in unit:
        system_libraries(unit)
        prune_windows()
    else:
        runtime.prune()


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2])
