"""Clones a repository at one commit, in a box with network. Runs nothing of the repository: no hook, filter or helper.

Order: {url, commit, ref?: full name, subdirectory: text, out: tar file, folder: folder, bytesMax, submodulesMax}
Result: {commit, commitTime: seconds, submodules: [{path, url, commit}], bytes}

Kept: all branches and tags with their history; file contents of the one commit only (a partial clone), where the
server can do that. The tar holds `source/` with `.git` in it, every time being that of the commit.
"""
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from urllib.parse import urlsplit

from common import StepFailure, clip, run_step

DEPTH_MAX = 4
COMMIT = re.compile(r"[0-9a-f]{40}")
# What a repository or the machine could make git start is switched off by name; commands read no other configuration.
SETTINGS = {
    "core.hooksPath": "/dev/null", "core.fsmonitor": "false", "core.askPass": "/bin/false", "core.sshCommand": "/bin/false",
    "core.symlinks": "true", "core.protectHFS": "true", "core.protectNTFS": "true", "core.pager": "cat",
    "core.attributesFile": "/dev/null", "core.excludesFile": "/dev/null",
    "credential.helper": "", "protocol.allow": "never", "protocol.https.allow": "always", "protocol.http.allow": "always",
    "http.followRedirects": "false", "http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60",
    "submodule.recurse": "false", "fetch.recurseSubmodules": "false", "gc.auto": "0", "maintenance.auto": "false",
    "advice.detachedHead": "false", "init.defaultBranch": "wheelfarm", "init.templateDir": "", "transfer.bundleURI": "false",
    "safe.bareRepository": "explicit", "uploadpack.packObjectsHook": "", "diff.external": "", "gpg.program": "/bin/false",
}


# A private repository's Authorization header, taken out at once: nothing but git gets it, and only for that address.
AUTHORIZATION = os.environ.pop("WHEELFARM_GIT_AUTHORIZATION", "")


def git_environment(work, url):
    """Nothing of the host but its proxies and certificates; settings go by environment, so no command line shows them."""
    settings = {**SETTINGS, **({f"http.{url}.extraHeader": f"Authorization: {AUTHORIZATION}"} if AUTHORIZATION else {})}
    kept = {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL_CERT")}
    made = {
        **kept, "PATH": "/usr/bin:/bin", "HOME": f"{work}/home", "TMPDIR": f"{work}/tmp", "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "https:http", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for at, (name, value) in enumerate(settings.items()):
        made[f"GIT_CONFIG_KEY_{at}"], made[f"GIT_CONFIG_VALUE_{at}"] = name, value
    return made


class Git:
    """git in one folder, with the farm's own settings only."""

    def __init__(self, folder, order):
        self.folder, self.order = folder, order
        self.environment = git_environment(order.get("work", "/work"), order["url"])

    def run(self, *words, check=True):
        done = subprocess.run(["git", "-C", self.folder, *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False)
        if done.stderr.strip():
            print(clip(done.stderr.strip()), flush=True)
        if check and done.returncode != 0:
            raise git_failure(self.order, done.stderr)
        return done.stdout if done.returncode == 0 else None


def git_failure(order, said):
    """What git says, as a failure of the farm's list. Errors: FARM_REPOSITORY_UNKNOWN, FARM_DISK, FARM_CLONE_FAILED."""
    words = {"repository": order["url"], "why": clip(said.strip().split("\n")[-1], 300)}
    if "invalid value for 'submodule." in said:
        return StepFailure("FARM_SUBMODULE_REFUSED", {**words, "url": "a command"})
    if re.search(r"repository .* not found|Authentication failed|could not read Username|error: 40[134]", said):
        return StepFailure("FARM_REPOSITORY_UNKNOWN", words)
    if re.search(r"No space left|out of memory", said):
        return StepFailure("FARM_CLONE_TOO_BIG", {"repository": order["url"], "limit": "its work folder"})
    return StepFailure("FARM_CLONE_FAILED", words, {"text": clip(said.strip())})


def origin_of(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def check_submodule(url, order):
    """A submodule's address is a stranger's word: same server, or an encrypted one that the whole world reaches."""
    parts = urlsplit(url)
    refused = StepFailure("FARM_SUBMODULE_REFUSED", {"url": clip(url, 200), "repository": order["url"]})
    if parts.username or parts.password or parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused
    if origin_of(url) == origin_of(order["url"]):
        return
    if parts.scheme != "https":
        raise refused
    if any(name.lower() == "https_proxy" for name in os.environ):
        return  # names are the proxy's to resolve, and it reaches what it is allowed to
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StepFailure("FARM_CLONE_FAILED", {"repository": url, "why": str(error)}) from None
    if not all(ipaddress.ip_address(address[4][0].split("%")[0]).is_global for address in found):
        raise refused


def clone(order):
    """Fetches everything of the repository that names a commit, and checks the one commit out."""
    folder, commit = order["folder"], order["commit"]
    os.makedirs(folder)
    git = Git(folder, order)
    git.run("init", "--quiet")
    git.run("remote", "add", "origin", order["url"])
    git.run("fetch", "--quiet", "--no-recurse-submodules", "--filter=blob:none", "origin",
            "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    if git.run("cat-file", "-e", f"{commit}^{{commit}}", check=False) is None:
        git.run("fetch", "--quiet", "--no-recurse-submodules", "--filter=blob:none", "origin", commit, check=False)
    if git.run("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", check=False) is None:
        raise StepFailure("FARM_COMMIT_GONE", {"repository": order["url"], "commit": commit})
    weigh(order)
    git.run("checkout", "--quiet", "--detach", commit)
    return git


def submodules_of(git):
    """[(name, path, url)] as the checked-out .gitmodules says, addresses made absolute by git."""
    if not os.path.isfile(os.path.join(git.folder, ".gitmodules")) or os.path.islink(os.path.join(git.folder, ".gitmodules")):
        return []
    git.run("submodule", "--quiet", "init")
    listed = git.run("config", "--local", "--null", "--get-regexp", r"^submodule\..*\.url$", check=False) or ""
    found = []
    for entry in filter(None, listed.split("\0")):
        key, _, url = entry.partition("\n")
        name = key[len("submodule."):-len(".url")]
        path = (git.run("config", "--null", "--file", ".gitmodules", f"submodule.{name}.path", check=False) or "").strip("\0")
        found.append((name, path, url))
    return found


def add_submodules(git, order, prefix="", depth=1, added=None):
    """Checks every submodule out, one by one, each address judged before git asks there."""
    added = [] if added is None else added
    for name, path, url in submodules_of(git):
        if depth > DEPTH_MAX or len(added) >= order["submodulesMax"]:
            raise StepFailure("FARM_CLONE_TOO_BIG", {"repository": order["url"], "limit": f"{order['submodulesMax']} submodules"})
        if not path or path.startswith(("-", "/")) or ".." in path.split("/"):
            raise StepFailure("FARM_SUBMODULE_REFUSED", {"url": clip(path, 200), "repository": order["url"]})
        check_submodule(url, order)
        # `checkout`, whatever .gitmodules says: its other ways are commands or merges.
        git.run("config", "--local", f"submodule.{name}.update", "checkout")
        # The repository's own server may send on (a renamed repository); another one would be sending past the check.
        redirects = "initial" if origin_of(url) == origin_of(order["url"]) else "false"
        git.run("-c", f"http.followRedirects={redirects}", "submodule", "--quiet", "update", "--checkout", "--no-recommend-shallow", "--", path)
        weigh(order)
        inner = Git(os.path.join(git.folder, path), order)
        commit = (inner.run("rev-parse", "HEAD") or "").strip()
        added.append({"path": f"{prefix}{path}", "url": url, "commit": commit})
        add_submodules(inner, order, f"{prefix}{path}/", depth + 1, added)
    return added


def weigh(order):
    """Bytes of the clone. Errors: FARM_CLONE_TOO_BIG."""
    total = 0
    for folder, _, names in os.walk(order["folder"]):
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    if total > order["bytesMax"]:
        limit = f"{order['bytesMax'] // 1024 // 1024} MiB"
        raise StepFailure("FARM_CLONE_TOO_BIG", {"repository": order["url"], "limit": limit})
    return total


def pack(order, commit_time):
    """One tar whose bytes come from the clone alone: sorted, one time, nobody's name."""
    def plain(member):
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = commit_time
        return member

    names = sorted(os.path.relpath(os.path.join(folder, name), order["folder"])
                   for folder, folders, files in os.walk(order["folder"]) for name in [*folders, *files])
    os.makedirs(os.path.dirname(order["out"]), exist_ok=True)
    with tarfile.open(order["out"], "w", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            tar.add(os.path.join(order["folder"], name), arcname=f"source/{name}", recursive=False, filter=plain)


def main(order):
    if not COMMIT.fullmatch(order["commit"]):
        raise StepFailure("FARM_COMMIT_GONE", {"repository": order["url"], "commit": clip(order["commit"], 60)})
    print(f"git clone {order['url']} at {order['commit']}", flush=True)
    git = clone(order)
    submodules = add_submodules(git, order)
    commit = (git.run("rev-parse", "HEAD") or "").strip()
    commit_time = int((git.run("log", "-1", "--format=%ct") or "0").strip())
    project = os.path.join(order["folder"], order.get("subdirectory") or "")
    real = os.path.realpath(project)
    inside = real == os.path.realpath(order["folder"]) or real.startswith(os.path.realpath(order["folder"]) + os.sep)
    if not inside or not any(os.path.isfile(os.path.join(project, name)) for name in ("pyproject.toml", "setup.py")):
        raise StepFailure("FARM_REPOSITORY_NO_PROJECT", {
            "repository": order["url"], "folder": order.get("subdirectory") or "its root", "commit": commit[:12]})
    for folder, _, _ in os.walk(os.path.join(order["folder"], ".git")):
        if os.path.basename(folder) == "hooks":
            shutil.rmtree(folder, ignore_errors=True)
    size = weigh(order)
    pack(order, commit_time)
    for one in submodules:
        print(f"submodule {one['path']} {one['url']} at {one['commit']}", flush=True)
    print(f"{size} bytes, commit of {commit_time}", flush=True)
    return {"commit": commit, "commitTime": commit_time, "submodules": submodules, "bytes": size}


if __name__ == "__main__":
    sys.exit(run_step(main))
