"""Step test: does the wheel install and import? Runs the stranger's code; sealed.

Order, native: {mode: "native", wheel: path, bundle: tar of the requirements, wheels: folder, env: folder,
  suite?: the project's own tests (project_test.py)}
Order, unpack: {mode: "unpack", wheel, bundle?, wheels, site: folder, siteTar: file}; in the tool image, for a machine
  that cannot run pip quickly. Result: {imports: [module], siteTar}
Order, imports: {mode: "imports", siteTar?, site, imports: [module]}; in the image of that machine. Needs only python3.
Result of native and imports: {imports: [module], how: text}
"""
import importlib.util
import json
import os
import re
import subprocess
import sys
import tarfile
import traceback

from common import StepFailure, clip, failed, run_step, write_json

NOT_OURS = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "setup"}
EXTENSION = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)(\.cpython-[^.]+|\.abi3|\.pypy[^.]+)?\.so$")
SCHEMES = re.compile(r"^[^/]+\.data/(purelib|platlib)/")
IMPORTS_MAX = 1000


def modules_of(names):
    """What to import of a wheel with these members: each top module or package, and each extension module.

    Left out: tests, documents, __main__, bundled libraries, anything below a name that is not an identifier, and
    private modules without compiled code (PyYAML's `_yaml` needs libyaml). A top folder without
    __init__.py is a namespace: the packages in it stand for it.
    """
    files = set()
    for name in names:
        inside = SCHEMES.sub("", name)
        top = inside.split("/")[0]
        if not top.endswith((".dist-info", ".data", ".libs")):
            files.add(inside)
    packages = {os.path.dirname(name) for name in files if os.path.basename(name) == "__init__.py"}
    found = {folder for folder in packages if not any(above in packages for above in ancestors(folder))}
    found |= {name[:-3] for name in files if "/" not in name and name.endswith(".py")}
    compiled = set()
    for name in files:
        folder, base = os.path.split(name)
        matched = EXTENSION.match(base)
        if matched:
            name = "" if matched.group(1) == "__init__" else matched.group(1)
            compiled.add("/".join(filter(None, [folder, name])))
    found |= compiled
    public = {path for path in found if path in compiled or not path.split("/")[-1].startswith("_")}
    modules = sorted(path.replace("/", ".") for path in public or found if importable(path))
    return modules[:IMPORTS_MAX]


def ancestors(folder):
    parts = folder.split("/")
    return ["/".join(parts[:at]) for at in range(1, len(parts))]


def importable(path):
    parts = path.split("/")
    return all(part.isidentifier() for part in parts) and not NOT_OURS & set(parts) and parts[-1] != "__main__"


def wheel_members(path):
    import zipfile

    with zipfile.ZipFile(path) as wheel:
        return [each.filename for each in wheel.infolist() if not each.is_dir()]


def import_failure(module, text):
    """The failure with the traceback; its last line says why."""
    lines = [line for line in text.splitlines() if line.strip()]
    why = f"{module}: {lines[-1].strip() if lines else 'it ended the interpreter'}"
    return StepFailure("FARM_TEST_IMPORT", {"why": why}, {"text": "\n".join(lines[-15:]) or why})


def lacking(name):
    """The module of the standard library that this interpreter was made without, where `name` is or is in one; else None."""
    top = name.split(".")[0]
    return top if top in getattr(sys, "stdlib_module_names", ()) and importlib.util.find_spec(top) is None else None


def import_all(modules, result):
    """Imports in this interpreter, and answers what it has imported.

    Before each one the result says what it would mean to end here. A module inside a package may want a project that
    the wheel does not require (a second back end): that one is left out, and said.
    Errors: FARM_TEST_IMPORT; FARM_TEST_PYTHON where it is this interpreter that lacks something.
    """
    own = {module.split(".")[0] for module in modules}
    imported = []
    for module in modules:
        write_json(result, failed(import_failure(module, "the import ended the interpreter")))
        print(f"import {module}", flush=True)
        try:
            importlib.import_module(module)
            imported.append(module)
        except ModuleNotFoundError as error:
            wanted = (error.name or "").split(".")[0]
            if wanted and lacking(wanted):
                raise StepFailure("FARM_TEST_PYTHON", {"why": f"{module} imports {wanted}"}) from None
            if not wanted or wanted in own or "." not in module or module.split(".")[0] not in imported:
                raise import_failure(module, traceback.format_exc()) from None
            print(f"wheelfarm: {module} is not imported: it wants {wanted}, which the wheel does not require", flush=True)
        except BaseException:  # noqa: BLE001 (SystemExit too: an import must not end the program)
            raise import_failure(module, traceback.format_exc()) from None
    return imported


def import_in(python, modules, order):
    """Imports in a subprocess with the given interpreter and reads what it says of it."""
    inner = {"mode": "imports", "imports": modules, "work": order.get("work", "/work"),
             "result": order["result"] + ".imports"}
    environment = {"PATH": "/usr/bin:/bin", "HOME": f"{inner['work']}/home", "TMPDIR": f"{inner['work']}/tmp",
                   "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}
    status = subprocess.run([python, "-B", os.path.abspath(__file__), json.dumps(inner)], env=environment,
                            cwd=inner["work"], stdin=subprocess.DEVNULL, check=False).returncode
    try:
        with open(inner["result"], encoding="utf-8") as file:
            said = json.load(file)
    except (OSError, ValueError):
        said = {"ok": False, "code": "FARM_TEST_IMPORT", "words": {"why": f"the interpreter ended with {status}"}}
    if not said.get("ok"):
        text = said.get("words", {}).get("why", "")
        if status < 0:
            text = f"{text} (signal {-status})"
        code = "FARM_TEST_PYTHON" if said.get("code") == "FARM_TEST_PYTHON" else "FARM_TEST_IMPORT"
        raise StepFailure(code, {"why": text}, said.get("evidence"))
    return said["imports"]


def native(order):
    """A fresh venv, pip install --no-index by hash, pip check, imports."""
    from prepare import make_environment, unbundle

    names = unbundle(order["bundle"], order["wheels"]) if order.get("bundle") else []
    make_environment(order["env"])
    python = os.path.join(order["env"], "bin", "python")
    pip = pip_of(order["env"], python)
    lines = [requirement_line(path) for path in
             [order["wheel"], *(os.path.join(order["wheels"], name) for name in names)]]
    listed = os.path.join(order.get("work", "/work"), "tmp", "requirements.txt")
    with open(listed, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    run_pip([*pip, "install", "--no-index", "--no-deps", "--require-hashes", "--no-compile",
             "--no-warn-script-location", "-r", listed], "pip install")
    run_pip([*pip, "check"], "pip check")
    modules = import_in(python, modules_of(wheel_members(order["wheel"])), order)
    how = f"pip install --no-index, pip check, {count(modules)}"
    if order.get("suite"):
        how = f"{how}, {suite_of(order)}"
    return {"imports": modules, "how": clip(how, 300)}


def suite_of(order):
    """The project's own tests, in words. Errors: FARM_TEST_COMMAND; FARM_TEST_PYTHON where the interpreter lacks something."""
    from project_test import run_suite

    try:
        return run_suite(order["suite"], suite_environment(order), order["wheel"])
    except StepFailure as failure:
        named = re.search(r"No module named '([\w.]+)'", failure.words.get("why", ""))
        if named and lacking(named[1]):
            raise StepFailure("FARM_TEST_PYTHON", {"why": f"the test-command imports {lacking(named[1])}"}, failure.evidence) from None
        raise


def suite_environment(order):
    """What the project's own tests see: the test environment's programs first."""
    work = order.get("work", "/work")
    return {
        "PATH": f"{order['env']}/bin:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV": order["env"], "HOME": f"{work}/home",
        "TMPDIR": f"{work}/tmp", "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_NO_INDEX": "1", "CIBUILDWHEEL": "1",
    }


def count(modules):
    return f"{len(modules)} import{'' if len(modules) == 1 else 's'}"


def requirement_line(path):
    import hashlib

    with open(path, "rb") as file:
        return f"{path} --hash=sha256:{hashlib.sha256(file.read()).hexdigest()}"


def pip_of(env, python):
    """The command line of a pip that works on the venv: the system's from outside, else one put into it."""
    from prepare import outside_pip

    try:
        return outside_pip(python)
    except ImportError:
        done = subprocess.run([python, "-m", "ensurepip"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StepFailure("FARM_CONTAINER_BROKE", {"why": clip(f"ensurepip: {done.stderr}", 400)})
    return [python, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"]


def run_pip(command, what):
    # The image is read-only: pip's own modules are compiled once, into the work folder.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": os.path.join(os.environ.get("TMPDIR", "/tmp"), "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    print(done.stdout + done.stderr, end="", flush=True)
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        wrong = next((line for line in lines if line.startswith("ERROR")), lines[0] if lines else "no output")
        raise StepFailure("FARM_TEST_IMPORT", {"why": f"{what}: {clip(wrong, 300)}"}, {"text": "\n".join(lines[-12:])})


def unpack(order):
    """Unzips the wheel and its requirements side by side, as an install without scripts would leave them."""
    import zipfile

    from prepare import inside, unbundle

    names = unbundle(order["bundle"], order["wheels"]) if order.get("bundle") else []
    site = order["site"]
    os.makedirs(site, exist_ok=True)
    for path in [*(os.path.join(order["wheels"], name) for name in names), order["wheel"]]:
        with zipfile.ZipFile(path) as wheel:
            for member in wheel.infolist():
                name = SCHEMES.sub("", member.filename)
                target = inside(site, name)
                if member.is_dir() or target is None or name.split("/")[0].endswith(".data"):
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as out:
                    out.write(wheel.read(member))
    with tarfile.open(order["siteTar"], "w") as tar:
        tar.add(site, arcname="site")
    return {"imports": modules_of(wheel_members(order["wheel"])), "siteTar": order["siteTar"]}


def imports(order):
    if order.get("siteTar"):
        with tarfile.open(order["siteTar"]) as tar:
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(os.path.dirname(order["site"]), **safely)
    if order.get("site"):
        sys.path.insert(0, order["site"])
    farm = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != farm]
    imported = import_all(order["imports"], order["result"])
    how = f"unpacked, {count(imported)} by python {sys.version.split()[0]}"
    return {"imports": imported, "how": how}


def main(order):
    return {"native": native, "unpack": unpack, "imports": imports}[order["mode"]](order)


if __name__ == "__main__":
    sys.exit(run_step(main))
