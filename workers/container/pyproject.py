"""Reads the build system of a source tree or of an sdist. Runs nothing of it."""
import os
import re
import tarfile
import tomllib
import zipfile

from common import StepFailure

LEGACY = {
    "backend": "setuptools.build_meta:__legacy__",
    "backendPath": None,
    "requires": ["setuptools >= 40.8.0"],
}
BYTES_MAX = 4 * 1024 * 1024


def build_system(text):
    """The [build-system] of a pyproject.toml, with PEP 517's defaults where it says nothing.

    `text` is None where there is no such file. Errors: FARM_PYPROJECT_BROKEN with the line.
    """
    if text is None:
        return dict(LEGACY)
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise broken(str(error), text) from None
    section = parsed.get("build-system")
    if section is None:
        return dict(LEGACY)
    requires = section.get("requires")
    if not is_texts(requires):
        raise broken("build-system.requires must be a list of strings", text, "requires")
    backend = section.get("build-backend")
    if backend is None:
        return {**LEGACY, "requires": requires}
    if not isinstance(backend, str) or not backend.strip():
        raise broken("build-system.build-backend must be a string", text, "build-backend")
    path = section.get("backend-path")
    if path is not None and not is_texts(path):
        raise broken("build-system.backend-path must be a list of strings", text, "backend-path")
    for folder in path or []:
        if os.path.isabs(folder) or os.path.normpath(folder).startswith(".."):
            raise broken("build-system.backend-path leaves the source tree", text, "backend-path")
    return {"backend": backend, "backendPath": path, "requires": requires}


def external(text):
    """[external] of a pyproject.toml (PEP 725): {"build": [DepURL], "host": [DepURL]}; both empty where there is none."""
    section = {} if text is None else tomllib.loads(text).get("external", {})
    found = {}
    for kind in ("build", "host"):
        found[kind] = section.get(f"{kind}-requires", []) if isinstance(section, dict) else None
        if not is_texts(found[kind]):
            raise broken(f"external.{kind}-requires must be a list of strings", text, f"{kind}-requires")
    return found


def is_texts(value):
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def broken(why, text, key=None):
    """FARM_PYPROJECT_BROKEN; the line stands in the parser's message or is the line of `key`."""
    found = re.search(r"line (\d+)", why)
    line = int(found.group(1)) if found else None
    lines = text.splitlines()
    if line is None and key:
        line = next((at for at, each in enumerate(lines, 1) if each.strip().startswith(key)), None)
        why = f"{why} (line {line})" if line else why
    shown = lines[line - 1] if line and line <= len(lines) else ""
    evidence = {"file": "pyproject.toml", "text": shown.strip() or why}
    if line:
        evidence["line"] = line
    return StepFailure("FARM_PYPROJECT_BROKEN", {"why": why}, evidence)


def decoded(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StepFailure(
            "FARM_PYPROJECT_BROKEN", {"why": f"it is not UTF-8 at byte {error.start}"},
            {"file": "pyproject.toml", "text": str(error)},
        ) from None


def of_folder(folder):
    """The build system and the external requirements of an unpacked source tree."""
    path = os.path.join(folder, "pyproject.toml")
    text = None
    if os.path.isfile(path):
        with open(path, "rb") as file:
            text = decoded(file.read(BYTES_MAX))
    return build_system(text), external(text)


def of_archive(archive, subdirectory=""):
    """The build system of an sdist, read without unpacking it; `subdirectory` of its top folder in a tar.

    Errors: FARM_SDIST_CORRUPT, FARM_PYPROJECT_BROKEN.
    """
    try:
        raw = zip_member(archive) if archive.endswith(".zip") else tar_member(archive, subdirectory)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise StepFailure("FARM_SDIST_CORRUPT", {"file": os.path.basename(archive), "why": str(error)}) from None
    return build_system(None if raw is None else decoded(raw))


def depth_of(name, subdirectory=""):
    """Where pyproject.toml may stand: in the archive's root, or in its one top folder; or in a folder below those."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    wanted = [part for part in subdirectory.split("/") if part] + ["pyproject.toml"]
    above = len(parts) - len(wanted)
    return above if above in (0, 1) and parts[above:] == wanted else None


def tar_member(archive, subdirectory=""):
    best = None
    with tarfile.open(archive) as tar:
        for member in tar:
            depth = depth_of(member.name, subdirectory)
            if depth is not None and member.isfile() and (best is None or depth < best[0]):
                best = (depth, tar.extractfile(member).read(BYTES_MAX))
    return best[1] if best else None


def zip_member(archive):
    with zipfile.ZipFile(archive) as opened:
        found = [(depth_of(name), name) for name in opened.namelist() if depth_of(name) is not None]
        if not found:
            return None
        with opened.open(min(found)[1]) as file:
            return file.read(BYTES_MAX)
