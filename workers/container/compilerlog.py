"""Reads the log of the compiler wrappers: one JSON object a line, {argv, cwd, exit?}."""
import json
import os

NO_INPUT = {"-v", "-V", "--version", "--help", "-dumpmachine", "-dumpversion", "-dumpfullversion", "-qversion"}


def compiler_calls(path):
    """(calls, failures) of the wrappers' log; a call that only asks for a version compiles nothing."""
    calls = failures = 0
    if not os.path.exists(path):
        return 0, 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
                arguments = [str(each) for each in entry.get("argv") or []]
            except (ValueError, AttributeError):
                continue
            if not is_compile(arguments):
                continue
            calls += 1
            failures += 1 if entry.get("exit") not in (None, 0) else 0
    return calls, failures


def is_compile(arguments):
    """True where an input file is named and it is not only a question about the compiler."""
    if any(each in NO_INPUT or each.startswith("-print-") for each in arguments):
        return False
    return any(not each.startswith("-") for each in arguments[1:])
