"""Requirement files that `test-requires = "-r FILE"` names, read from the project's sdist as pip reads them. Runs nothing.

Only what says which projects are wanted is taken: requirements, further files (-r) and constraints (-c).
"""
import os
import posixpath
import re
import tarfile
import zipfile

from common import StepFailure
from pyproject import BYTES_MAX

FILES_MAX = 20
OPTION = re.compile(r"^(-r|-c|--requirement|--constraint)(?:\s+|=)?(\S.*)$")


def expanded(words, archive):
    """(requirements, constraints) of the words of test-requires, as PEP 508 texts.

    Errors: FARM_REQUIREMENT_UNKNOWN for a file that the sdist has not, or a line that names no project.
    """
    found, left, seen = ([], []), list(words), []
    while left:
        word = left.pop(0)
        if word in ("-r", "-c", "--requirement", "--constraint") and left:
            word = f"{word} {left.pop(0)}"
        option = OPTION.match(word)
        if option:
            take_file(option, "", archive, found, seen)
        else:
            found[0].append(word)
    return found


def take_file(option, beside, archive, found, seen, constrains=False):
    """Adds what a file says; a constraint file's own files are constraints too."""
    name = posixpath.normpath(posixpath.join(beside, re.sub(r"^\{(project|package)\}/?", "", option[2].strip())))
    constrains = constrains or option[1] in ("-c", "--constraint")
    if (name, constrains) in seen:
        return
    seen.append((name, constrains))
    text = None if len(seen) > FILES_MAX or name.startswith(("/", "..")) else member_text(archive, name)
    if text is None:
        raise unknown(f"{option[1]} {name}", f"The sdist has no file {name}." if len(seen) <= FILES_MAX else "More files than are read.")
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        further = OPTION.match(line)
        if further:
            take_file(further, posixpath.dirname(name), archive, found, seen, constrains)
        elif line.startswith(("-", ".", "/")):
            raise unknown(line, f"{name}: {line}")
        elif line:
            found[constrains].append(re.split(r"\s--hash[=\s]", line)[0].strip())


def unknown(requirement, text):
    return StepFailure("FARM_REQUIREMENT_UNKNOWN", {"requirement": requirement, "target": "", "name": requirement}, {"text": text})


def member_text(archive, name):
    """A file below the one top folder of an sdist; None where there is none."""
    try:
        if archive.endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                [at] = [each for each in opened.namelist() if each.partition("/")[2] == name] or [None]
                return None if at is None else decoded(opened.open(at).read(BYTES_MAX))
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.removeprefix("./").partition("/")[2] == name:
                    return decoded(tar.extractfile(member).read(BYTES_MAX))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise StepFailure("FARM_SDIST_CORRUPT", {"file": os.path.basename(archive), "why": str(error)}) from None
    return None


def decoded(raw):
    return raw.decode("utf-8", "replace").lstrip("\ufeff")
