"""Prints what cibuildwheel's own reader makes of pyproject.toml files, for every identifier that it knows.

Arguments: folders with a pyproject.toml each. Output: {"identifiers": [id], "folders": {folder: {id: options} or
{"error": text}}}. Nothing is built.
"""
import json
import os
import sys
from pathlib import Path

from cibuildwheel.architecture import Architecture
from cibuildwheel.errors import FatalError
from cibuildwheel.frontend import parse_config_settings
from cibuildwheel.options import CommandLineArguments, Options
from cibuildwheel.util import resources

PLATFORMS = ("linux", "macos", "windows", "android", "ios", "pyodide")
BASE = {"PATH": "/usr/bin:/bin", "HOME": "/home", "CFLAGS": "-O1", "PWD": "/src", "FORTY": "40"}
WINDOWS = {"x86": "-win32", "AMD64": "-win_amd64", "ARM64": "-win_arm64"}


def arguments(folder):
    made = CommandLineArguments.defaults()
    made.package_dir = Path(folder)
    return made


def identifiers():
    return {name: [each["identifier"] for each in resources.read_python_configs(name)] for name in PLATFORMS}


def values(assignments, run):
    found = assignments.as_dictionary(BASE, executor=run)
    return {item.name: found[item.name] for item in assignments.assignments}


def printed(command, _environment):
    return f"<{' '.join(command)}>"


def arch_of(identifier, archs):
    return any(identifier.endswith(WINDOWS.get(arch.value, f"_{arch.value}")) for arch in archs)


def options_of(folder, platform, names):
    options = Options(platform=platform, command_line_arguments=arguments(folder), env={})
    found = {}
    for name in names:
        one = options.build_options(name)
        found[name] = {
            "selected": options.globals.build_selector(name),
            "arch": arch_of(name, options.globals.architectures),
            "tested": options.globals.test_selector(name),
            "environment": values(one.environment, printed),
            "testEnvironment": values(one.test_environment, printed),
            "configSettings": parse_config_settings(one.config_settings),
            "beforeAll": one.before_all, "beforeBuild": one.before_build or "", "beforeTest": one.before_test or "",
            "testCommand": one.test_command or "", "testRequires": one.test_requires,
            "testExtras": one.test_extras.strip("[]"), "testSources": one.test_sources,
        }
    return found


def read(folder, known):
    found = {}
    for platform, names in known.items():
        try:
            found.update(options_of(folder, platform, names))
        except (Exception, FatalError) as error:  # noqa: BLE001 (what the reader refuses is compared too)
            found.update({name: {"error": f"{type(error).__name__}: {error}"} for name in names})
    return found


def main():
    known = identifiers()
    sys.stdout.write(json.dumps({
        "archs": sorted(each.value for each in Architecture),
        "identifiers": [name for names in known.values() for name in names],
        "base": BASE, "folders": {os.path.basename(folder): read(folder, known) for folder in sys.argv[1:]},
    }))


main()
