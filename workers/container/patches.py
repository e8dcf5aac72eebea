"""Applies unified diffs to the unpacked sdist: what `patch -p1` does, without fuzz."""
import os
import re

from common import StepFailure

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
SIDES = ("--- ", "+++ ")


def apply_patches(src, diffs):
    """Errors: FARM_PATCH_FAILED with the number of the patch, the file and the line."""
    for number, diff in enumerate(diffs, 1):
        try:
            names = [apply_file(src, *change) for change in changes_of(diff)]
        except ValueError as error:
            raise StepFailure("FARM_PATCH_FAILED", {"number": str(number), "why": str(error)}) from None
        if not names:
            raise StepFailure("FARM_PATCH_FAILED", {"number": str(number), "why": "it changes no file"})
        print(f"wheelfarm: patch {number}: {', '.join(names)}", flush=True)


def changes_of(diff):
    """(old name, new name, hunks) of each file; a hunk is (first line, [line with its sign])."""
    lines, at, found = diff.splitlines(), 0, []
    while at < len(lines):
        if not (lines[at].startswith(SIDES[0]) and at + 1 < len(lines) and lines[at + 1].startswith(SIDES[1])):
            at += 1
            continue
        names = [line[4:].split("\t")[0].strip() for line in lines[at:at + 2]]
        at, hunks = read_hunks(lines, at + 2)
        found.append((*names, hunks))
    return found


def read_hunks(lines, at):
    hunks = []
    while at < len(lines) and HUNK.match(lines[at]):
        first, before, _, after = (int(text) if text else 1 for text in HUNK.match(lines[at]).groups())
        at, body = at + 1, []
        while at < len(lines) and (before > 0 or after > 0 or lines[at].startswith("\\")):
            line = lines[at] or " "
            if line[0] not in " +-\\":
                raise ValueError(f"line {at + 1} of the diff has no sign")
            before -= line[0] in " -"
            after -= line[0] in " +"
            body.append(line)
            at += 1
        if before or after:
            raise ValueError("its last hunk ends too early")
        hunks.append((first, body))
    return at, hunks


def path_of(src, name):
    parts = name.split("/", 1)
    path = os.path.normpath(os.path.join(src, parts[-1]))
    if not path.startswith(src + os.sep) or not os.path.realpath(os.path.dirname(path)).startswith(os.path.realpath(src)):
        raise ValueError(f"{name} leaves the source")
    if os.path.islink(path):
        raise ValueError(f"{name} is a link")
    return path


def apply_file(src, old, new, hunks):
    name = old if new == "/dev/null" else new
    path = path_of(src, name)
    lines, end = [], "\n"
    if old != "/dev/null":
        if not os.path.isfile(path):
            raise ValueError(f"the sdist has no {name.split('/', 1)[-1]}")
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
        end = "\r\n" if "\r\n" in text else "\n"
        lines = text.replace("\r\n", "\n").split("\n")
    shift = 0
    for first, body in hunks:
        was = [line[1:] for line in body if line[0] in " -"]
        now = [line[1:] for line in body if line[0] in " +"]
        at = place_of(lines, was, max(first - 1 + shift, 0), name)
        shift += at - (first - 1 + shift) + len(now) - len(was)
        lines[at:at + len(was)] = now
    if new == "/dev/null":
        os.unlink(path)
        return f"- {name.split('/', 1)[-1]}"
    if old == "/dev/null":
        lines.append("")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(end.join(lines))
    return name.split("/", 1)[-1]


def place_of(lines, was, wanted, name):
    """The place nearest to the one that is named where the old lines stand; there is no fuzz."""
    for distance in range(len(lines) + 1):
        for at in {wanted - distance, wanted + distance}:
            if 0 <= at <= len(lines) - len(was) and lines[at:at + len(was)] == was:
                return at
    raise ValueError(f"{name.split('/', 1)[-1]} is other than it says near line {wanted + 1}")
