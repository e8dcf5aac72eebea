"""Step audit, called by repair.py: compares what is in the wheel with what the target's row promises. Sealed; reads only.

Order: {wheel: path, target, project?, version?, floor?: [major, minor] where repair raised the row's}
Result: {platformTag, objects: [{member, machine, bits, glibc, needed}], glibc: highest or null, notes: [text]}
"""
import collections
import os
import re

from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from common import StepFailure, target_description
from foreign import check_foreign
from stableabi import check_stable
from wheelfile import binaries, dist_info, open_wheel, record_faults

EXTENSION_SUFFIX = re.compile(r"(\.cpython-[^/]*\.so|\.cp\d[^/]*\.pyd|\.abi3\.so|\.so|\.pyd)$")
LEAKS = (b"/work/src", b"/work/env", b"/work/tmp", b"/tmp/")
GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?$")
NOTES_MAX = 20


def highest_glibc(objects):
    """The highest GLIBC_x.y that any object needs, as (x, y), with the member that needs it."""
    best = (None, None)
    for one in objects:
        for version in one.versions:
            found = GLIBC.match(version)
            if found:
                pair = (int(found.group(1)), int(found.group(2)))
                if best[0] is None or pair > best[0]:
                    best = (pair, one.member)
    return best


FORMATS = {"elf": "Linux (ELF)", "mach-o": "macOS (Mach-O)", "pe": "Windows (PE)"}


def check_formats(objects, expect, target):
    """A file of another system's format is not for this target, whatever its machine."""
    wanted = expect.get("format", "elf")
    for one in objects:
        if one.format != wanted:
            raise StepFailure("FARM_AUDIT_MACHINE", {
                "member": one.member, "found": FORMATS[one.format], "expected": target})


def check_machine(objects, expect):
    wanted, bits = expect["elfMachine"], expect["class"]
    for one in objects:
        if one.machine != wanted or one.bits != bits:
            raise StepFailure("FARM_AUDIT_MACHINE", {
                "member": one.member, "found": f"{one.machine} {one.bits} bit", "expected": f"{wanted} {bits} bit"})


def floor_text(expect):
    """`glibc 2.17`, as the catalogue says it."""
    return f"{expect['libc']} {'.'.join(str(part) for part in expect['floor'])}"


def check_floor(objects, expect):
    """glibc: no symbol newer than the floor. musl: no symbol of glibc and no need of its libraries."""
    found, member = highest_glibc(objects)
    promised = floor_text(expect)
    if expect["libc"] == "musl":
        for one in objects:
            if any(name in ("libc.so.6", "libpthread.so.0", "libm.so.6") for name in one.needed) or found:
                raise StepFailure("FARM_AUDIT_FLOOR", {
                    "found": f"glibc ({member or one.member})", "expected": promised})
    elif found and list(found) > list(expect["floor"]):
        raise StepFailure("FARM_AUDIT_FLOOR", {
            "found": f"GLIBC_{found[0]}.{found[1]} ({member})", "expected": promised})
    return f"{found[0]}.{found[1]}" if found else None


def check_suffixes(objects, expect):
    """An extension module's suffix must be the target's, or one that every Python 3 takes."""
    notes = []
    for one in objects:
        if (one.format == "elf" and not one.inits) or re.search(r"\.(libs|dylibs)/", one.member):
            continue
        suffix = EXTENSION_SUFFIX.search(one.member)
        found = suffix.group(1) if suffix else ""
        known = expect.get("suffixes", [expect["extSuffix"], ".abi3.so", ".so"])
        if one.format != "elf" and not one.member.endswith((".so", ".pyd")):
            continue
        if found == ".so" and found in known:
            notes.append(f"{one.member} has the bare suffix .so")
        elif found not in known:
            raise StepFailure("FARM_AUDIT_SUFFIX", {"member": one.member, "expected": expect["extSuffix"]})
    return notes


def check_tag(name, description, target, objects):
    """At least one tag of the filename must be one that the target's interpreter takes."""
    tags = parse_wheel_filename(name)[3]
    platforms = {tag.platform for tag in tags}
    accepted = set(description["tags"])
    if not any(str(tag) in accepted for tag in tags) or (objects and "any" in platforms):
        raise StepFailure("FARM_WHEEL_TAG", {"file": name, "target": target})
    return ".".join(sorted(platforms))


def check_names(wheel, name, info, order):
    """Filename, .dist-info folder and METADATA name one project and version."""
    project, version, _, _ = parse_wheel_filename(name)
    head = wheel.read(f"{info}/METADATA").decode("utf-8", "replace").split("\n\n")[0]
    found = {key: value.strip() for key, value in re.findall(r"(?m)^(Name|Version):(.*)$", head)}
    if canonicalize_name(found.get("Name", "")) != project:
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": f"METADATA has the name {found.get('Name')}"})
    if found.get("Version") is None or Version(found["Version"]) != version:
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": f"METADATA has version {found.get('Version')}"})
    if order.get("project") and canonicalize_name(order["project"]) != project:
        raise StepFailure("FARM_WHEEL_NAME", {"file": name, "project": order["project"]})
    if order.get("version") and Version(order["version"]) != version:
        raise StepFailure("FARM_WHEEL_VERSION", {"file": name, "version": order["version"]})


def notes_on(wheel, objects):
    """What does not refuse a wheel and should be known: paths of the build in it, one library twice, members empty."""
    notes = []
    for one in objects:
        raw = wheel.read(one.member)
        leaked = sorted({leak.decode() for leak in LEAKS if leak in raw})
        if leaked:
            notes.append(f"{one.member} has the build path {', '.join(leaked)} in it")
    by_digest = collections.defaultdict(list)
    for one in objects:
        by_digest[one.sha256].append(one.member)
    notes += [f"one file under several names: {', '.join(same)}" for same in by_digest.values() if len(same) > 1]
    return notes


def check_empty(wheel, name):
    """A linker can end well and leave nothing."""
    for member in wheel.infolist():
        if member.filename.endswith((".so", ".pyd", ".dylib")) and member.file_size == 0:
            raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": f"{member.filename} is empty"})


def main(order):
    path = order["wheel"]
    name = os.path.basename(path)
    description = target_description(order)
    expect = {**description["expect"], **({"floor": order["floor"]} if order.get("floor") else {})}
    with open_wheel(path, name) as wheel:
        info = dist_info(wheel, name)
        if f"{info}/METADATA" not in wheel.namelist():
            raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": "there is no METADATA"})
        check_names(wheel, name, info, order)
        faults = record_faults(wheel, info)
        if faults:
            raise StepFailure("FARM_WHEEL_BROKEN", {"file": name, "why": "; ".join(faults[:5])})
        check_empty(wheel, name)
        objects = binaries(wheel, name)
        check_formats(objects, expect, order["target"])
        glibc = None
        if expect.get("format", "elf") == "elf":
            check_machine(objects, expect)
            glibc = check_floor(objects, expect)
        else:
            companions = {os.path.basename(one.member).lower() for one in objects}
            versioned = not {tag.abi for tag in parse_wheel_filename(name)[3]} & {"abi3", "none"}
            for one in objects:
                check_foreign(one, expect, order["target"], companions, versioned)
        notes = check_suffixes(objects, expect)
        check_stable(wheel, name, objects, parse_wheel_filename(name)[3])
        platform = check_tag(name, description, order["target"], objects)
        notes += notes_on(wheel, objects)
    shown = [{"member": one.member, "machine": one.machine, "bits": one.bits, "needed": one.needed} for one in objects]
    print(f"wheelfarm: {name}: {len(objects)} shared objects, glibc {glibc or 'none'}, {platform}", flush=True)
    return {"platformTag": platform, "objects": shown[:200], "objectCount": len(objects), "glibc": glibc,
            "floor": floor_text(expect), "notes": notes[:NOTES_MAX]}

