"""Unpacks the sdist and the build environment, or makes that from fetched wheels. Sealed; runs a stranger's code last.

Order: {sdist?: path, subdirectory?: text, patches?: [unified diff], src: folder, made?: tar of the environment (step fetch made it),
  bundle?: tar of wheels, wheels: folder, env: folder, target?,
  hook?: an order of hooks.py, without its build system: what it answers goes with the result, unless the project names
  libraries or has crates, which are put here before its back end is called}
Without `sdist` only the environment is made or added to.
Result: {buildSystem?: {backend, backendPath, requires}, external?: {build, host: [DepURL]}, rust?: bool, installed: [filename], members?: count}
"""
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pyproject
from common import StepFailure, clip, run_step, target_description
from patches import apply_patches

MEMBERS_MAX = 100_000
LOOSE = ("pyproject.toml", "setup.py", "setup.cfg")


def unpack(archive, src):
    """Unpacks to `src`; the archive's one top folder, where it has one, becomes `src` itself.

    Errors: FARM_SDIST_CLIMBS, FARM_SDIST_TRUNCATED, FARM_SDIST_CORRUPT, FARM_SDIST_TOO_BIG.
    """
    file = os.path.basename(archive)
    beside = f"{src}.unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    os.makedirs(beside)
    try:
        count = unzip(archive, beside, file) if archive.endswith(".zip") else untar(archive, beside, file)
    except EOFError:
        raise StepFailure("FARM_SDIST_TRUNCATED", {"file": file}) from None
    except tarfile.ReadError as error:
        code = "FARM_SDIST_TRUNCATED" if "unexpected end" in str(error) else "FARM_SDIST_CORRUPT"
        raise StepFailure(code, {"file": file, "why": str(error)}) from None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise StepFailure("FARM_SDIST_CORRUPT", {"file": file, "why": str(error)}) from None
    names = os.listdir(beside)
    one = len(names) == 1 and os.path.isdir(os.path.join(beside, names[0])) and names[0] not in LOOSE
    shutil.rmtree(src, ignore_errors=True)
    os.rename(os.path.join(beside, names[0]) if one else beside, src)
    shutil.rmtree(beside, ignore_errors=True)
    return count


def inside(root, name):
    """The absolute path of a member, or None where it leaves the root."""
    if name.startswith(("/", "\\")) or "\0" in name:
        return None
    path = os.path.normpath(os.path.join(root, name))
    return path if path == root or path.startswith(root + os.sep) else None


def climbs(root, member):
    if inside(root, member.name) is None:
        return True
    if member.issym():
        return inside(root, os.path.join(os.path.dirname(member.name), member.linkname)) is None
    return member.islnk() and inside(root, member.linkname) is None


def untar(archive, folder, file):
    count = 0
    with tarfile.open(archive) as tar:
        members = []
        for member in tar:
            count += 1
            if count > MEMBERS_MAX:
                raise StepFailure("FARM_SDIST_TOO_BIG", {"file": file, "limit": f"{MEMBERS_MAX} members"})
            if climbs(folder, member) or member.isdev():
                raise StepFailure("FARM_SDIST_CLIMBS", {"file": file, "member": member.name})
            if member.isfile() or member.isdir() or member.issym() or member.islnk():
                members.append(member)
        extract(tar, folder, members, file)
    return count


def extract(tar, folder, members, file):
    """The data filter judges again where this Python has it: what a symbolic link hides is only seen on disk."""
    if not hasattr(tarfile, "data_filter"):
        for member in members:
            extract_checked(tar, folder, member, file)
        return
    try:
        tar.extractall(folder, members=members, filter="data")
    except tarfile.FilterError as error:
        raise StepFailure("FARM_SDIST_CLIMBS", {"file": file, "member": error.tarinfo.name}) from None


def extract_checked(tar, folder, member, file):
    """What the data filter does, for a Python without it: no path leaves the folder, through no link either."""
    path = os.path.join(folder, member.name)
    link = {True: os.path.join(os.path.dirname(path), member.linkname), False: os.path.join(folder, member.linkname)}
    places = [os.path.dirname(path)] + ([link[member.issym()]] if member.issym() or member.islnk() else [])
    for place in places:
        if inside(os.path.realpath(folder), os.path.relpath(os.path.realpath(place), os.path.realpath(folder))) is None:
            raise StepFailure("FARM_SDIST_CLIMBS", {"file": file, "member": member.name})
    if os.path.islink(path):
        os.unlink(path)
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.uid, member.gid = os.getuid(), os.getgid()
    tar.extract(member, folder)


def unzip(archive, folder, file):
    import time

    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        if len(members) > MEMBERS_MAX:
            raise StepFailure("FARM_SDIST_TOO_BIG", {"file": file, "limit": f"{MEMBERS_MAX} members"})
        for member in members:
            if inside(folder, member.filename) is None or (member.external_attr >> 28) == 0xA:
                raise StepFailure("FARM_SDIST_CLIMBS", {"file": file, "member": member.filename})
            path = opened.extract(member, folder)
            if (member.external_attr >> 16) & 0o100 and os.path.isfile(path):
                os.chmod(path, 0o755)
            stamp = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(path, (stamp, stamp))
        return len(members)


def unbundle(bundle, folder):
    """Wheels of the fetch step: plain files by name, nothing else."""
    os.makedirs(folder, exist_ok=True)
    names = []
    with tarfile.open(bundle) as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if not member.isfile() or name != member.name or not name.endswith(".whl"):
                continue
            with open(os.path.join(folder, name), "wb") as out:
                shutil.copyfileobj(tar.extractfile(member), out)
            names.append(name)
    return sorted(names)


def make_environment(env, base=None):
    """A venv without pip in it: wheels are put there by the farm's own pip. `base` is another interpreter's path."""
    if os.path.exists(os.path.join(env, "pyvenv.cfg")):
        return
    base = base or getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", "--without-pip", env], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise StepFailure("FARM_CONTAINER_BROKE", {"why": clip(f"venv: {made.stdout}{made.stderr}", 400)})


def outside_pip(python):
    """This interpreter's pip, working on another one: what `pip --python` does, without its second start."""
    import pip

    runner = os.path.join(os.path.dirname(pip.__file__), "__pip-runner__.py")
    return [python, runner, "--isolated", "--disable-pip-version-check", "--no-cache-dir"]


def install(env, paths):
    """Installs wheels as they are: no index, no dependencies, no byte code, no configuration of the machine."""
    if not paths:
        return
    command = [
        *outside_pip(os.path.join(env, "bin", "python")), "install", "--no-index", "--no-deps", "--no-compile",
        "--no-warn-script-location", "--root-user-action", "ignore", "--quiet", *paths,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="", flush=True)
    if done.returncode != 0:
        raise StepFailure("FARM_REQUIREMENT_CONFLICT", {"why": clip(done.stderr.strip(), 400)})


def environment_of(env, base, paths):
    """The environment with these wheels in it, whatever was there."""
    make_environment(env, base)
    install(env, paths)


def pack_environment(env, path):
    """One tar of it, which belongs at the same path: its programs name that."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["tar", "-cf", path, "-C", os.path.dirname(env), os.path.basename(env)], check=True)


def asked(order, result):
    """The answer of the hook, where it can be asked at once: one program in a box is cheaper than two."""
    if not order.get("hook") or result["rust"] or any((result["external"] or {}).values()):
        return {}
    import hooks

    return hooks.main({**order["hook"], "buildSystem": result["buildSystem"]})


def main(order):
    from cargo import manifest_of

    result = {}
    if order.get("sdist"):
        result["members"] = unpack(order["sdist"], order["src"])
        apply_patches(order["src"], order.get("patches") or [])
        result["buildSystem"], result["external"] = pyproject.of_folder(os.path.join(order["src"], order.get("subdirectory") or ""))
        # Only an image that has cargo can fetch crates; another one's build says by itself what it lacks.
        result["rust"] = manifest_of(order["src"]) is not None and shutil.which("cargo") is not None
    if order.get("made"):
        subprocess.run(["tar", "-xf", order["made"], "-C", os.path.dirname(order["env"])], check=True)
        os.remove(order["made"])  # the folder counts as memory
        return {**result, **asked(order, result), "installed": []}
    names = unbundle(order["bundle"], order["wheels"]) if order.get("bundle") else []
    environment_of(order["env"], (target_description(order) or {}).get("interpreter"), [os.path.join(order["wheels"], name) for name in names])
    print(f"wheelfarm: build environment with {len(names)} wheels added", flush=True)
    return {**result, "installed": names}


if __name__ == "__main__":
    sys.exit(run_step(main))
