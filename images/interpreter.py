#!/usr/bin/python3 -I
"""Prints {"python", "tags", "markers", "from"} of the interpreter that runs it, as JSON.

`--packaging WHEEL` names the wheel of the packaging library to use (read as a zip).
`--compute PYTHON PLATFORM_TAG MACHINE` instead computes what such an interpreter would say: only for targets
that nothing at hand can run. Values that belong to the running kernel are left empty.
"""
import json
import sys


def kernel_free(markers):
    """Markers without the running kernel's release and version: they say nothing of the target."""
    return {**markers, 'platform_release': '', 'platform_version': ''}


def recorded():
    """What this interpreter says of itself."""
    from packaging import markers, tags
    environment = markers.default_environment()
    return {'python': environment['python_full_version'], 'tags': [str(tag) for tag in tags.sys_tags()],
            'markers': kernel_free(dict(environment)), 'from': 'interpreter'}


def platforms_of(platform_tag, machine):
    """Platform tags that an interpreter at the floor accepts, best first, and its markers that are not Linux's."""
    from packaging import tags
    family = platform_tag.split('_')[0]
    if family == 'win':
        name = platform_tag.split('_', 1)[1].upper()
        return [platform_tag], {'os_name': 'nt', 'sys_platform': 'win32', 'platform_system': 'Windows', 'platform_machine': name}
    if family == 'macosx':
        _, major, minor, name = platform_tag.split('_', 3)
        found = list(tags.mac_platforms((int(major), int(minor)), name))
        return found, {'sys_platform': 'darwin', 'platform_system': 'Darwin', 'platform_machine': name}
    _, major, minor, _ = platform_tag.split('_', 3)
    return [f'{family}_{major}_{n}_{machine}' for n in range(int(minor), -1, -1)] + [f'linux_{machine}'], {}


def computed(python, platform_tag, machine):
    """What a CPython `python` on `platform_tag` would say: older platform tags of the same family included."""
    from packaging import markers, tags
    version = tuple(int(part) for part in python.split('.'))
    platforms, system = platforms_of(platform_tag, machine)
    interpreter = f'cp{version[0]}{version[1]}'
    found = [*tags.cpython_tags(version, platforms=platforms), *tags.compatible_tags(version, interpreter, platforms)]
    environment = dict(markers.default_environment())
    if not environment['python_full_version'].startswith(python + '.'):
        raise SystemExit(f'markers for {python} asked of Python {environment["python_full_version"]}')
    environment.update({'platform_machine': machine, **system})
    return {'python': environment['python_full_version'], 'tags': [str(tag) for tag in found],
            'markers': kernel_free(environment), 'from': 'computed'}


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ['--packaging']:
        sys.path.insert(0, arguments[1])
        arguments = arguments[2:]
    result = computed(*arguments[1:]) if arguments[:1] == ['--compute'] else recorded()
    json.dump(result, sys.stdout)


main()
