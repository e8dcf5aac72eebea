"""Steps repair and audit: makes a native wheel portable with auditwheel (a pure one passes as it is), and compares what
came of it with its row (audit.py). One program: a second one in a box costs more than either step of a small wheel. Sealed.

Order: {wheel: path, out: folder, target, sourceDateEpoch, project?, version?,
  external?: folder of tars of external libraries, which may be grafted,
  mayRise?: true where binaries of Debian are among them, which need a newer C library than the row}
Result: {wheel: filename, pure, policy: tag or null, platformTag, grafted: [{path, sha256, soname?}], notes,
  floor?: [major, minor] of the C library where it is above the row's, audit: the result of audit.py, auditMs}
"""
import argparse
import contextlib
import glob
import io
import os
import re
import shutil
import sys
import tarfile
import time
from pathlib import Path

from packaging.utils import parse_wheel_filename

import audit
from common import StepFailure, clip, run_step, target_description
from wheelfile import binaries, open_wheel, shared_objects


class Refused(Exception):
    """auditwheel's word for a wheel that cannot be repaired."""


class Parser:
    """What auditwheel's command line would be: it calls `error` where it gives up."""

    def error(self, message):
        raise Refused(message)


def auditwheel(path, out, platform, library_path):
    """Calls auditwheel by its own entry point, because its command line refuses platforms of another machine."""
    from auditwheel.main_repair import execute

    arguments = argparse.Namespace(
        WHEEL_FILE=[Path(path)], WHEEL_DIR=Path(out), PLAT=platform, LIB_SDIR=".libs", EXCLUDE=[], ONLY_PLAT=True,
        UPDATE_TAGS=True, STRIP=False, DISABLE_ISA_EXT_CHECK=False, ALLOW_PURE_PY_WHEEL=False, LDPATHS=library_path,
        PATCHER="patchelf", ZIP_COMPRESSION_LEVEL=6, verbose=1, func=execute)
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            status = execute(arguments, Parser())
    except (Refused, ValueError, RuntimeError, OSError, AssertionError) as error:
        raise StepFailure("FARM_REPAIR_FAILED", {"why": clip(str(error) or type(error).__name__, 400)}) from None
    finally:
        print(errors.getvalue(), end="", flush=True)
    if status:
        raise StepFailure("FARM_REPAIR_FAILED", {"why": clip(errors.getvalue().strip() or f"status {status}", 400)})


def name_musl(path, out, policy):
    """Gives the C library the name that musl's own platforms (and auditwheel's policy) have for it.

    zig links against `libc.so`. musl's loader takes either name for itself. Returns the wheel to go on with.
    """
    from auditwheel.architecture import Architecture
    from auditwheel.libc import Libc
    from auditwheel.patcher import ElfPatcher
    from auditwheel.policy import WheelPolicies
    from auditwheel.wheeltools import InWheelCtx

    name = os.path.basename(path)
    with open_wheel(path, name) as wheel:
        wanting = [one.member for one in shared_objects(wheel, name) if "libc.so" in one.needed]
    if not wanting:
        return path
    architecture = Architecture(policy.split("_", 3)[3])
    known = WheelPolicies(libc=Libc.MUSL, arch=architecture).get_policy_by_name(policy).whitelist
    patcher = ElfPatcher.get_patcher("patchelf", policy)
    os.makedirs(out, exist_ok=True)
    with InWheelCtx(Path(path), Path(out) / name) as context:
        for member in wanting:
            patcher.replace_needed(Path(context.path) / member, ("libc.so", min(known)))
        patcher.apply_updates()
    return os.path.join(out, name)


def library_path(order):
    """The folder of the external libraries, unpacked anew: the build could write to those that it used."""
    folder = f"{order['out']}.external"
    for bundle in sorted(glob.glob(os.path.join(order.get("external") or "/nonexistent", "*.tar"))):
        with tarfile.open(bundle) as tar:
            tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return f"{folder}/lib" if os.path.isdir(folder) else None


def risen(path, policy, folder):
    """The highest policy, but no higher than the row's, that the wheel can have with these libraries in it."""
    from auditwheel.architecture import Architecture
    from auditwheel.libc import Libc
    from auditwheel.wheel_abi import analyze_wheel_abi

    architecture = Architecture(policy.split("_", 3)[3])
    found = analyze_wheel_abi(Libc.GLIBC, architecture, Path(path), frozenset(), disable_isa_ext_check=False,
                              allow_graft=True, args_ldpaths=folder)
    best = min(found.sym_policy, found.ucs_policy, found.blacklist_policy, found.machine_policy,
               found.policies.get_policy_by_name(policy))
    return best.name


def system_and_machine(platform):
    """('linux', 'aarch64') of manylinux_2_17_aarch64, linux_aarch64 and musllinux_1_2_aarch64; ('win', '32') of win32."""
    match = re.fullmatch(r"(?:(?:many|musl)?(linux)(?:(?:_\d+){2}|\d*)|(macosx)_\d+_\d+|(win))_?(.+)", platform)
    return (match[1] or match[2] or match[3], match[4]) if match else (platform, "")


def retag(path, out, platform, target):
    """A wheel without any shared object gets the target's tag where its own names that machine: nothing in it needs more."""
    from auditwheel.wheeltools import InWheelCtx, add_platforms

    name = os.path.basename(path)
    old = sorted({tag.platform for tag in parse_wheel_filename(name)[3]})
    wanted = system_and_machine(platform)
    if not any(system_and_machine(each) in (wanted, (wanted[0], "universal2")) for each in old):
        raise StepFailure("FARM_WHEEL_TAG", {"file": name, "target": target})
    if old == [platform]:
        shutil.copyfile(path, os.path.join(out, name))
        return
    with InWheelCtx(Path(path), Path(out) / name) as context:
        context.out_wheel = add_platforms(context, [platform], old)


def grafted(path):
    """Libraries that repair put into the wheel: members of its .libs folders."""
    with open_wheel(path, os.path.basename(path)) as wheel:
        found = [each for each in binaries(wheel, os.path.basename(path))
                 if ".libs/" in each.member or ".dylibs/" in each.member]
    return [{"path": one.member, "sha256": one.sha256, **({"soname": one.soname} if one.soname else {})}
            for one in found]


def repair(order):
    source, out = order["wheel"], order["out"]
    name = os.path.basename(source)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    platforms = {tag.platform for tag in parse_wheel_filename(name)[3]}
    with open_wheel(source, name) as wheel:
        objects = binaries(wheel, name)
    if platforms == {"any"} and not objects:
        shutil.copyfile(source, os.path.join(out, name))
        return {"wheel": name, "pure": True, "policy": None, "platformTag": "any", "grafted": [], "notes": []}
    os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    os.environ["SOURCE_DATE_EPOCH"] = str(order["sourceDateEpoch"])
    expect = target_description(order)["expect"]
    policy = expect["platformTag"]
    notes = []
    if objects and expect.get("format", "elf") != "elf":
        # zig links what it brings along statically and signs: what is built is portable, or audit says why not.
        shutil.copyfile(source, os.path.join(out, name))
    elif objects:
        if expect["libc"] == "musl":
            source = name_musl(source, f"{out}.musl", policy)
        folder = library_path(order)
        if order.get("mayRise"):
            policy = risen(source, policy, folder)
            if policy != expect["platformTag"]:
                notes.append(f"binaries of Debian raise the floor: {expect['platformTag']} -> {policy}")
        auditwheel(source, out, policy, folder)
    else:
        retag(source, out, policy, order["target"])
        notes.append("the wheel names a platform and has no shared object in it")
    made = sorted(each for each in os.listdir(out) if each.endswith(".whl"))
    if len(made) != 1:
        raise StepFailure("FARM_REPAIR_FAILED", {"why": f"it wrote {len(made)} wheels"})
    tag = ".".join(sorted({each.platform for each in parse_wheel_filename(made[0])[3]}))
    print(f"wheelfarm: {name} -> {made[0]}", flush=True)
    return {"wheel": made[0], "pure": False, "policy": policy, "platformTag": tag,
            "grafted": grafted(os.path.join(out, made[0])), "notes": notes,
            **({"floor": [int(part) for part in policy.split("_")[1:3]]} if policy != expect["platformTag"] else {})}


def main(order):
    repaired = repair(order)
    began = time.monotonic()
    print(f"== audit {time.strftime('%H:%M:%S', time.gmtime())}", flush=True)
    wheel = os.path.join(order["out"], repaired["wheel"])
    try:
        audited = audit.main({**order, "wheel": wheel, "floor": repaired.get("floor")})
    except StepFailure as failure:
        failure.step = "audit"
        raise
    return {**repaired, "audit": audited, "auditMs": round((time.monotonic() - began) * 1000)}


if __name__ == "__main__":
    sys.exit(run_step(main))
