#!/usr/bin/python3 -IS
"""Compiles the standard library of a test root. Runs in a container of the suite's own amd64 root.

Bytecode does not depend on the machine, so a foreign root (in /stage/root) is finished without emulation.
A first start without bytecode takes seconds under qemu, and a sealed container cannot keep what it compiles.
"""
import os
import subprocess
import sys

root = sys.argv[1]
version = f'{sys.version_info[0]}.{sys.version_info[1]}'
libraries = [f'{root}/usr/lib/python{version}', f'{root}/usr/lib/python3']
subprocess.run(['/usr/bin/python3', '-m', 'compileall', '-q', '-j', '2', '--invalidation-mode', 'unchecked-hash',
                '-s', root, '-p', '/', '-x', r'/(test|tests|idlelib|turtledemo|lib2to3)/',
                *[library for library in libraries if os.path.isdir(library)]], check=True, stdout=sys.stderr)
