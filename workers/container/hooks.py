"""Steps requires, build and sdist: calls the project's build backend in its own environment. Sealed.

Order: {hook: "requires" | "requires-sdist" | "build" | "sdist" | "environment", buildSystem, src, env, out,
  target?: id of the target of the image whose environment is given to the backend, sourceDateEpoch,
  targetBundle?: tar of wheels for the target, whose headers a build compiles against,
  anew?: the version of an unpacked sdist is asked for again,
  project?, version?: what the wheel must be, compilerLog, options?: what the project asks for (options.py)}
Result: requires: {requires: [PEP 508]} · sdist: {sdist: filename}
  build: {wheel, pure, platformTag, compilerCalls, compilerFailures, notes: [text]}
  environment: {environment: {name: text}}, what the backend sees; nothing of the project is called
"""
import os
import re
import subprocess
import sys
import zipfile

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing, UnsupportedOperation

from common import StepFailure, clip, run_step, target_description
from compilerlog import compiler_calls
from crossfiles import backend_settings, cross_environment, fill_compiler_cache
from hooks_output import Output
from options import merge_settings, run_hooks, with_options

NOTES_MAX = 20
# setuptools puts CFLAGS of the environment in the place of the interpreter's own, which hold these
# (measured with 84.2).
USUAL_FLAGS = "-O2 -DNDEBUG -fwrapv -Wall"


def environment_for(order):
    """What the backend sees: the target's description, and what makes two builds alike (nothing of the host)."""
    work = order.get("work", "/work")
    description = target_description(order)
    described = dict((description or {}).get("environment") or {})
    if description is not None:
        described.update(cross_environment(order, description))
    for name in ("CFLAGS", "CXXFLAGS"):
        if name in described:
            described[name] = f"{USUAL_FLAGS} {described[name]}"
    path = described.pop("PATH", None) or "/opt/wheelfarm/bin:/usr/local/bin:/usr/bin:/bin"
    made = {
        "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0",
        "ARFLAGS": "Dcr", "CARGO_INCREMENTAL": "0", "ZERO_AR_DATE": "1", **described,
        # The farm's tools, where it put some (git, for the sdist of a clone), are no part of a wheel's environment.
        "PATH": f"{order['env']}/bin:{path}:{work}/tools" if os.path.isdir(f"{work}/tools") else f"{order['env']}/bin:{path}",
        "VIRTUAL_ENV": order["env"],
        "HOME": f"{work}/home", "TMPDIR": f"{work}/tmp", "XDG_CACHE_HOME": f"{work}/home/.cache",
        "SOURCE_DATE_EPOCH": str(max(int(order["sourceDateEpoch"]), 315_532_800)),
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1",
        "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "WHEELFARM_COMPILER_LOG": order["compilerLog"], "WHEELFARM_SOURCE": order["src"],
    }
    return with_options(order, made, described)


def settings_for(order):
    """config_settings of the hook."""
    own = backend_settings(order, target_description(order))
    return merge_settings(own, (order.get("options") or {}).get("configSettings"), order["src"])


def why_of(lines):
    """The last line that says something: the exception of a traceback."""
    for line in reversed(lines):
        if line.strip() and not line.startswith(" "):
            return line.strip()[:400]
    return lines[-1].strip()[:400] if lines else "it printed nothing"


def call(order, hook, *arguments):
    """Calls one hook. Errors: FARM_BACKEND_MISSING, FARM_REQUIRES_HOOK, FARM_BUILD_FAILED."""
    output, system = Output(), order["buildSystem"]
    environment = environment_for(order)

    def runner(command, cwd=None, extra_environ=None):
        output.run(command, {**environment, **(extra_environ or {})}, cwd)

    code = "FARM_REQUIRES_HOOK" if order["hook"].startswith("requires") else "FARM_BUILD_FAILED"
    try:
        caller = BuildBackendHookCaller(
            order["src"], system["backend"], system.get("backendPath"), runner,
            os.path.join(order["env"], "bin", "python"))
        if hook == "build_wheel":
            fill_compiler_cache(environment)
        run_hooks(order, environment)
        return getattr(caller, hook)(*arguments, config_settings=settings_for(order)), output
    except BackendUnavailable as error:
        lines = [line for line in (error.traceback or "").splitlines() if line.strip()]
        raise StepFailure("FARM_BACKEND_MISSING", {"backend": system["backend"]},
                          {"text": "\n".join(lines[-3:]) or str(error)}) from None
    except HookMissing as error:
        raise StepFailure("FARM_BACKEND_MISSING", {"backend": f"{system['backend']} ({error.hook_name})"}) from None
    except ValueError as error:
        raise StepFailure("FARM_PYPROJECT_BROKEN", {"why": f"backend-path: {error}"}) from None
    except UnsupportedOperation as error:
        raise StepFailure(code, {"why": "the backend does not support it"}, {"text": error.traceback or ""}) from None
    except subprocess.CalledProcessError as error:
        lines = output.last_traceback()
        why = f"it was killed by signal {-error.returncode}" if error.returncode < 0 else why_of(lines)
        raise StepFailure(code, {"why": why}, {"text": "\n".join(lines[-12:])}) from None


def one_wheel(order):
    """The one wheel in the out folder. Errors: FARM_WHEEL_NONE, FARM_WHEEL_MANY, FARM_WHEEL_BROKEN, _NAME, _VERSION."""
    names = sorted(name for name in os.listdir(order["out"]) if name.endswith(".whl"))
    if not names:
        raise StepFailure("FARM_WHEEL_NONE")
    if len(names) > 1:
        raise StepFailure("FARM_WHEEL_MANY", {"count": str(len(names)), "files": ", ".join(names[:8])})
    try:
        name, version, _, tags = parse_wheel_filename(names[0])
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": names[0], "why": str(error)}) from None
    if order.get("project") and canonicalize_name(order["project"]) != name:
        raise StepFailure("FARM_WHEEL_NAME", {"file": names[0], "project": order["project"]})
    if order.get("version") and not same_version(order["version"], version):
        raise StepFailure("FARM_WHEEL_VERSION", {"file": names[0], "version": order["version"]})
    return names[0], tags


def same_version(expected, found):
    try:
        return Version(expected) == found
    except InvalidVersion:
        return expected == str(found)


def is_purelib(path):
    """Root-Is-Purelib of the wheel. Errors: FARM_WHEEL_BROKEN."""
    try:
        with zipfile.ZipFile(path) as wheel:
            name = next(each for each in wheel.namelist()
                        if each.count("/") == 1 and each.endswith(".dist-info/WHEEL"))
            text = wheel.read(name).decode("utf-8", "replace")
    except (zipfile.BadZipFile, StopIteration, OSError) as error:
        why = str(error) or "it has no WHEEL file"
        raise StepFailure("FARM_WHEEL_BROKEN", {"file": os.path.basename(path), "why": why}) from None
    return bool(re.search(r"(?mi)^Root-Is-Purelib:\s*true\s*$", text))


def build(order):
    os.makedirs(order["out"], exist_ok=True)
    _, output = call(order, "build_wheel", order["out"])
    wheel, tags = one_wheel(order)
    platforms = {tag.platform for tag in tags}
    calls, failures = compiler_calls(order["compilerLog"])
    # A wrapper that becomes the compiler logs no exit status: then the errors that were printed are counted.
    failures = max(failures, min(calls, output.errors))
    notes = [f"built without {header}: the compiler did not find it, and the build went on"
             for header in output.headers]
    return {
        "wheel": wheel, "pure": platforms == {"any"}, "purelib": is_purelib(os.path.join(order["out"], wheel)),
        "platformTag": ".".join(sorted(platforms)), "compilerCalls": calls, "compilerFailures": failures,
        "notes": notes[:NOTES_MAX],
    }


def sdist(order):
    os.makedirs(order["out"], exist_ok=True)
    # Hatchling believes the PKG-INFO of an sdist before it asks for the version anew.
    if order.get("anew") and os.path.isfile(f"{order['src']}/PKG-INFO"):
        os.remove(f"{order['src']}/PKG-INFO")
    call(order, "build_sdist", order["out"])
    names = sorted(name for name in os.listdir(order["out"]) if name.endswith((".tar.gz", ".zip")))
    if len(names) != 1:
        raise StepFailure("FARM_BUILD_FAILED", {"why": f"build_sdist wrote {len(names)} sdists, not one"})
    return {"sdist": names[0]}


def requires(order):
    hook = "get_requires_for_build_sdist" if order["hook"] == "requires-sdist" else "get_requires_for_build_wheel"
    found, _ = call(order, hook)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise StepFailure("FARM_REQUIRES_HOOK", {"why": f"it gave {clip(repr(found), 200)}, not a list of strings"})
    return {"requires": found}


def environment(order):
    return {"environment": environment_for(order)}


def main(order):
    steps = {
        "requires": requires, "requires-sdist": requires, "build": build, "sdist": sdist, "environment": environment,
    }
    return steps[order["hook"]](order)


if __name__ == "__main__":
    sys.exit(run_step(main))
