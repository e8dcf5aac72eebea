"""Crates of a project that has Rust in it: downloads what Cargo.lock names, in a fetch box. Runs no stranger's code.

Order: {sdist: path, src: folder, crates: folder, bundle: tar to write}
Result: {lock: [{name, version, filename, sha256}]}; the digests are those of Cargo.lock, which cargo compares.
cargo is started outside of the source: its configuration, which may name programs, is not read.
"""
import os
import subprocess
import sys
import tarfile
import tomllib

from common import StepFailure, clip, run_step
from prepare import unpack

DEPTH_MAX = 3
LOCK_MAX = 450


def manifest_of(src):
    """The Cargo.toml nearest to the top of a source, beside a Cargo.lock where there is one; None without Rust."""
    found = []
    for root, folders, files in os.walk(src):
        depth = os.path.relpath(root, src).count(os.sep) + (root != src)
        folders[:] = [] if depth >= DEPTH_MAX else sorted(each for each in folders if not each.startswith("."))
        if "Cargo.toml" in files:
            found.append(("Cargo.lock" not in files, depth, os.path.join(root, "Cargo.toml")))
    return min(found)[2] if found else None


def locked(path):
    """Packages of a Cargo.lock that come from a registry. Errors: FARM_CRATES_UNLOCKED."""
    if not os.path.exists(path):
        raise StepFailure("FARM_CRATES_UNLOCKED", {"why": "the sdist has a Cargo.toml and no Cargo.lock beside it"})
    try:
        with open(path, "rb") as file:
            packages = tomllib.load(file).get("package", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StepFailure("FARM_CRATES_UNLOCKED", {"why": f"Cargo.lock does not parse: {error}"}) from None
    outside = [each for each in packages if each.get("source")]
    for each in outside:
        if not each["source"].startswith(("registry+", "sparse+")) or not each.get("checksum"):
            raise StepFailure("FARM_CRATES_UNLOCKED", {"why": f"{each.get('name')} does not come from a registry: {each['source']}"})
    if len(outside) > LOCK_MAX:
        raise StepFailure("FARM_CRATES_UNLOCKED", {"why": f"it names more than {LOCK_MAX} crates"})
    return [{"name": each["name"], "version": each["version"], "filename": f"{each['name']}-{each['version']}.crate",
             "sha256": each["checksum"]} for each in outside]


def vendor(manifest, order):
    """cargo vendor. Errors: FARM_FETCH_FAILED with cargo's last lines."""
    home = os.path.join(order.get("work", "/work"), "cargo-home")
    os.makedirs(home, exist_ok=True)
    environment = {**os.environ, "CARGO_HOME": home, "CARGO_TERM_PROGRESS_WHEN": "never"}
    if os.environ.get("SSL_CERT_FILE"):
        environment["CARGO_HTTP_CAINFO"] = os.environ["SSL_CERT_FILE"]
    done = subprocess.run(
        ["cargo", "vendor", "--locked", "--versioned-dirs", "--quiet", "--manifest-path", manifest, order["crates"]],
        cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise StepFailure("FARM_FETCH_FAILED", {"why": f"cargo vendor: {clip(done.stderr.strip(), 300)}"})


def main(order):
    unpack(order["sdist"], order["src"])
    manifest = manifest_of(order["src"])
    if manifest is None:
        raise StepFailure("FARM_CRATES_UNLOCKED", {"why": "the sdist has no Cargo.toml"})
    lock = locked(os.path.join(os.path.dirname(manifest), "Cargo.lock"))
    os.makedirs(order["crates"], exist_ok=True)
    if lock:
        vendor(manifest, order)
    with tarfile.open(order["bundle"], "w") as tar:
        tar.add(order["crates"], arcname=".")
    for one in lock:
        print(f"{one['name']} {one['version']}  crate  sha256 {one['sha256'][:16]}", flush=True)
    return {"lock": lock}


if __name__ == "__main__":
    sys.exit(run_step(main))
