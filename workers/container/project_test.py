"""The project's own test-command, after the wheel was installed. Runs the stranger's code; sealed.

Member of a test's order: suite: {sdist: path, src: folder, cwd: folder, options: {environment?, command, before?,
  sources?}}. What the command or test-sources name and the sdist does not have is a reason not to run it, in words.
"""
import os
import re
import shutil

from common import StepFailure
from options import evaluated, prepared, run_command

NAMED = re.compile(r"\{(?:project|package)\}/([^\s'\"{};&|]+)")


def missing_of(options, src):
    """Paths that the tests need and the sdist does not have."""
    named = NAMED.findall(f"{options.get('before') or ''} {options['command']}") + list(options.get("sources") or [])
    return sorted({path for path in named if "*" not in path and not os.path.exists(os.path.join(src, path.rstrip("/,:")))})


def copy_sources(sources, src, cwd):
    for path in sources:
        came, to = os.path.normpath(os.path.join(src, path)), os.path.normpath(os.path.join(cwd, path))
        if not came.startswith(src + os.sep) or not to.startswith(cwd + os.sep):
            raise StepFailure("FARM_TEST_COMMAND", {"hook": "test-sources", "why": f"{path} leaves the project"})
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.isdir(came):
            shutil.copytree(came, to, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy2(came, to)


def run_suite(suite, environment, wheel):
    """Runs the command. Answers what was done, in words. Errors: FARM_TEST_COMMAND."""
    from prepare import unpack

    options, src, cwd = suite["options"], suite["src"], suite["cwd"]
    unpack(suite["sdist"], src)
    missing = missing_of(options, src)
    if missing:
        return f"test-command not run: the sdist has no {', '.join(missing)[:120]}"
    os.makedirs(cwd, exist_ok=True)
    copy_sources(options.get("sources") or [], src, cwd)
    environment = {**environment, **evaluated(options.get("environment"), environment, src), "PATH": environment["PATH"]}
    if options.get("before"):
        run_command("before-test", prepared(options["before"], src, wheel=wheel), src, environment, "FARM_TEST_COMMAND")
    command = prepared(options["command"], src, wheel=wheel)
    run_command("test-command", command, cwd, environment, "FARM_TEST_COMMAND")
    return "test-command"
