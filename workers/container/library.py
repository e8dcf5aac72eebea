"""External libraries: mode "fetch" downloads a source in a fetch box, mode "compile" makes it for a target, sealed.

Order, fetch: {mode, url, sha256, out: file}
Order, compile: {mode, source: file, script: path of build.sh, target, external?: folder of tars of other libraries,
  linkage: "shared" | "static", tools?: [Debian packages of this machine], prefix, out: tar to write, sourceDateEpoch}
Result: {bytes}
"""
import collections
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request

from common import StepFailure, clip, run_step

SOURCE_BYTES_MAX = 256 * 1024 * 1024
SECONDS_MAX = 60
SILENCE_SECONDS = 60


def fetch(order):
    """Errors: FARM_FETCH_FAILED, FARM_DIGEST_MISMATCH."""
    name, digest, size = os.path.basename(order["out"]), hashlib.sha256(), 0
    os.makedirs(os.path.dirname(order["out"]), exist_ok=True)
    try:
        with urllib.request.urlopen(order["url"], timeout=SECONDS_MAX) as answer, open(order["out"], "wb") as out:
            while part := answer.read(1 << 16):
                size += len(part)
                if size > SOURCE_BYTES_MAX:
                    raise StepFailure("FARM_FETCH_FAILED", {"why": f"{name} is larger than {SOURCE_BYTES_MAX} bytes"})
                digest.update(part)
                out.write(part)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise StepFailure("FARM_FETCH_FAILED", {"why": f"{name} from the Debian archive: {error}"}) from None
    if digest.hexdigest() != order["sha256"]:
        raise StepFailure("FARM_DIGEST_MISMATCH",
                          {"file": name, "found": digest.hexdigest(), "expected": order["sha256"]})
    print(f"wheelfarm: {name}  sha256 {order['sha256'][:16]}", flush=True)
    return {"bytes": size}


def unpack(source, folder):
    """The one top folder of a source; its digest was pinned, so only its links are watched."""
    with tarfile.open(source) as tar:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **safely)
    [name] = os.listdir(folder)
    return os.path.join(folder, name)


def unpack_package(path, folder):
    """The files of a Debian package: an ar archive with data.tar in it. Its digest was pinned."""
    with open(path, "rb") as package:
        if package.read(8) != b"!<arch>\n":
            raise StepFailure("FARM_CONTAINER_BROKE", {"why": f"{os.path.basename(path)} is no Debian package"})
        while len(header := package.read(60)) == 60:
            name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            content = package.read(size + size % 2)[:size]
            if name.startswith("data.tar"):
                with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                    tar.extractall(folder, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))


def environment_of(order):
    """What build.sh sees: the target's environment, as a build has it, and where to install."""
    from hooks import environment_for

    work = order.get("work", "/work")
    environment = environment_for({
        **order, "env": "/opt/wheelfarm", "src": f"{work}/library", "compilerLog": f"{work}/log/library.jsonl",
        "hook": "environment", "buildSystem": {"backend": ""},
    })
    from crossfiles import machine_of, told_multiarch
    from common import target_description

    description = target_description(order)
    host = told_multiarch(description)
    return {**environment, "PREFIX": order["prefix"], "HOST": host, "MACHINE": machine_of(description),
            "BUILD": f"{os.uname().machine}-linux-gnu", "LINKAGE": order["linkage"], "TOOLS": f"{work}/library-tools"}


def run_script(script, place, environment):
    """Exit status of build.sh and its last lines, which are printed as they come.

    Where it is silent a line says that it runs: openssl's make prints nothing, and a step that is silent for long is ended.
    """
    lines, ended, began = collections.deque(maxlen=12), threading.Event(), time.monotonic()

    def tell():
        while not ended.wait(SILENCE_SECONDS):
            print(f"wheelfarm: build.sh runs for {round(time.monotonic() - began)} s", flush=True)

    with subprocess.Popen(["sh", script], cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as child:
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        for line in child.stdout:
            print(line, end="", flush=True)
            if line.strip():
                lines.append(line.rstrip())
    ended.set()
    teller.join()
    return child.returncode, list(lines) or ["it printed nothing"]


def compile_library(order):
    """Errors: FARM_EXTERNAL_FAILED with the last line that build.sh printed."""
    folder = os.path.join(order.get("work", "/work"), "library")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    environment = environment_of(order)
    for package in order.get("tools", []):
        unpack_package(package, environment["TOOLS"])
    place = unpack(order["source"], folder)
    before = set(files_of(order["prefix"]))
    status, lines = run_script(order["script"], place, environment)
    if status != 0:
        raise StepFailure("FARM_EXTERNAL_FAILED", {"name": order["name"], "why": clip(lines[-1], 300)},
                          {"text": "\n".join(lines)})
    pack(order["prefix"], order["out"], [path for path in files_of(order["prefix"]) if path not in before])
    return {"bytes": os.path.getsize(order["out"])}


def files_of(prefix):
    """Files and links below the prefix, as paths from it; those of other libraries too."""
    found = []
    for root, folders, files in os.walk(prefix):
        links = [each for each in folders if os.path.islink(os.path.join(root, each))]
        found += [os.path.relpath(os.path.join(root, name), prefix) for name in files + links]
    return sorted(each for each in found if not each.startswith("."))


def pack(prefix, out, paths):
    """Sorted, one time, one owner: the same bytes for the same files."""
    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            tar.add(os.path.join(prefix, path), arcname=path, recursive=False, filter=plain)


def main(order):
    return {"fetch": fetch, "compile": compile_library}[order["mode"]](order)


if __name__ == "__main__":
    sys.exit(run_step(main))
