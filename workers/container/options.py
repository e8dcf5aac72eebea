"""What a project's files ask for beside its source: environment, config settings, commands. Sealed; runs its commands.

Members of an order: options: {environment?: [{name, parts}], configSettings?: {key: text or [text]}, beforeAll?: command,
  beforeBuild?: command, cibuildwheel?: true}. A part is {text}, {variable} or {command} (domain/shell-words.ts).
"""
import os
import re
import subprocess
import sys

from common import StepFailure, clip
from hooks_output import Output

# Flags of a project are added to the row's own: without those nothing is found in a sysroot.
JOINED = ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS")
# The farm's own: a build that could change them would leave the log, the seal or its environment.
KEPT = ("WHEELFARM_", "VIRTUAL_ENV", "HOME", "TMPDIR", "PIP_NO_INDEX")
NETWORK_SIGNS = re.compile(
    r"could not resolve|couldn't resolve|temporary failure (in name )?resol|name or service not known|network is unreachable"
    r"|failed to establish a new connection|no matching distribution found|from versions: none|unable to connect"
    r"|failed to fetch|cannot find a valid baseurl|getaddrinfo", re.IGNORECASE)
# Commands that do nothing without the network, and how what they bring is named under [external].
INSTALLERS = re.compile(
    r"^(?:sudo\s+)?(yum|dnf|microdnf|apt-get|apt|apk|brew|conda|mamba|micromamba|choco|vcpkg|zypper|pacman|rustup)\b")
FETCHERS = re.compile(r"^(?:sudo\s+)?(curl|wget|git\s+(?:clone|submodule|fetch)|aria2c|svn)\b")
PIP = re.compile(r"^(?:\S*python[\d.]*\s+-m\s+)?(?:uv\s+)?pip[\d.]*\s+install\b")
VERBS = {"install", "add", "update", "upgrade", "makecache", "clean", "remove", "groupinstall", "repolist"}


def evaluated(assignments, environment, cwd):
    """The values of assignments, each in the environment that the ones before it left."""
    now, found = dict(environment), {}
    for one in assignments or []:
        now[one["name"]] = found[one["name"]] = "".join(value_of(part, now, cwd) for part in one["parts"])
    return found


def value_of(part, environment, cwd):
    if "text" in part:
        return part["text"]
    if "variable" in part:
        return environment.get(part["variable"], "")
    done = subprocess.run(["sh", "-c", part["command"]], env=environment, cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise StepFailure("FARM_HOOK_FAILED", {
            "hook": "environment", "why": f"$({clip(part['command'], 200)}) ended with {done.returncode}"})
    return done.stdout.rstrip()


def with_options(order, environment, fixed=()):
    """The environment with what the project sets laid over it. `fixed` names what the target's description sets."""
    options = order.get("options") or {}
    if options.get("cibuildwheel"):
        environment = {**environment, "CIBUILDWHEEL": "1", "CIBUILDWHEEL_BUILD_IDENTIFIER": order.get("target") or ""}
    if not options.get("environment"):
        return environment
    plain = {name: value for name, value in environment.items() if name not in JOINED}
    made = dict(environment)
    for name, value in evaluated(options["environment"], plain, order["src"]).items():
        if name in JOINED:
            made[name] = f"{environment.get(name, '')} {value}".strip()
        elif name == "PATH":
            made[name] = value if value.startswith(environment["PATH"]) else f"{environment['PATH']}:{value}"
        elif name in fixed or name.startswith(KEPT):
            print(f"wheelfarm: {name} of the project is not followed: the catalogue row sets it", flush=True)
        else:
            made[name] = value
    return made


def prepared(command, src, **more):
    """A command with the places that it names filled in; other braces stay as they are."""
    for name, value in {"project": src, "package": src, **more}.items():
        command = command.replace("{%s}" % name, value)
    return command


def merge_settings(own, asked, src="/work/src"):
    """config_settings of the hook: the farm's own, then the project's; a key of both has both values."""
    merged = {key: value if isinstance(value, str) else list(value) for key, value in (own or {}).items()}
    for key, value in (asked or {}).items():
        values = [prepared(each, src) for each in ([value] if isinstance(value, str) else value)]
        if key in merged:
            before = [merged[key]] if isinstance(merged[key], str) else merged[key]
            merged[key] = [*before, *values]
        else:
            merged[key] = values[0] if isinstance(value, str) else values
    return merged or None


def run_hooks(order, environment):
    """before-all and before-build, in the project's folder. Errors: FARM_HOOK_FAILED, FARM_HOOK_NETWORK."""
    options = order.get("options") or {}
    for name, hook in (("beforeAll", "before-all"), ("beforeBuild", "before-build")):
        if options.get(name):
            run_command(hook, prepared(options[name], order["src"]), order["src"], environment)


def run_command(hook, command, cwd, environment, code="FARM_HOOK_FAILED"):
    output = Output()
    print(f"wheelfarm: {hook}: {clip(command, 400)}", flush=True)
    try:
        output.run(["sh", "-c", command], environment, cwd)
    except subprocess.CalledProcessError as error:
        raise why_failed(hook, command, error.returncode, list(output.tail), code) from None


def why_failed(hook, command, status, lines, code):
    """The failure of a command: what it wanted from the network, with what takes its place, else its last line."""
    said = [line for line in lines if line.strip()][-12:]
    text = "\n".join(said) or command
    wanted = wants_network(command, status, text) if code == "FARM_HOOK_FAILED" else None
    if wanted:
        line, mend = wanted
        return StepFailure("FARM_HOOK_NETWORK", {"hook": hook, "line": clip(line, 300), "mend": mend}, evidence_of(line, text))
    why = said[-1].strip()[:300] if said else "it printed nothing"
    return StepFailure(code, {"hook": hook, "why": f"status {status}: {why}"}, {"text": text})


def evidence_of(line, text, path="/work/src/pyproject.toml"):
    """Where the line stands in pyproject.toml, if it does."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, each in enumerate(file, 1):
                if line in each or line.replace('"', '\\"') in each:
                    return {"file": "pyproject.toml", "line": number, "text": each.strip()}
    except OSError:
        pass
    return {"text": text}


def wants_network(command, status, text):
    """The simple command that needs the network, and what replaces it; None where nothing says so."""
    parts = [part.strip() for part in re.split(r"&&|\|\||;|\n|\||(?:^|\s)(?:then|else|do)\s", command) if part.strip()]
    installers = [part for part in parts if INSTALLERS.match(part)]
    if installers:
        part = next((each for each in installers if packages_of(each)), installers[0])
        return part, replacement(part)
    for part in parts:
        if PIP.match(part) and (NETWORK_SIGNS.search(text) or status in (1, 127)):
            names = ", ".join(f'"{name}"' for name in packages_of(part))
            return part, f"build-system.requires = [..., {names}]" if names else "build-system.requires"
    for part in parts:
        if FETCHERS.match(part):
            return part, "put what it downloads into the sdist"
    return (parts[0], "put what it downloads into the sdist") if parts and NETWORK_SIGNS.search(text) else None


def packages_of(part):
    words = part.split()
    at = next((index for index, word in enumerate(words) if word in VERBS), len(words))
    return [word.strip("'\"") for word in words[at + 1:]
            if not word.startswith("-") and word not in VERBS and "/" not in word and "$" not in word and "{" not in word]


def replacement(part):
    """The [external] entry for what a package manager would install. @source PEP 725"""
    names = sorted({plain_name(name) for name in packages_of(part)})
    if not names:
        return "[external] host-requires = [\"dep:generic/NAME\"]"
    return "[external] host-requires = [" + ", ".join(f'"dep:generic/{name}"' for name in names) + "]"


def plain_name(package):
    """`libyaml` of `libyaml-devel`, `libyaml-dev`, `libyaml@0.2`."""
    name = re.sub(r"[@=<>].*$", "", package.lower())
    name = re.sub(r"-(devel|dev|static|libs)$", "", name)
    usual = {"libssl": "openssl", "openssl": "openssl", "zlib1g": "zlib", "libjpeg-turbo": "libjpeg", "libz": "zlib"}
    return usual.get(name, name)


if __name__ == "__main__":
    sys.exit("options.py is used by the steps; it is no step itself")
