"""Makes an interpreter of the build machine answer for the target of its cell. Copied into the build environment.

Started by a .pth file of that environment, in every interpreter there. What it says stands in a JSON file beside it:
{target, machine, bits, multiarch, libc: [name, version], linkage, suffixes, platforms: [tag, best first], include: folder,
 headers: {project: folder}}. It patches what a build asks (docs/cross-contract.md) and nothing that runs code: imports,
struct packing and subprocesses stay the build machine's. Tools that must know which machine they run on are left alone.
"""
import json
import os
import sys

BESIDE = os.path.splitext(os.path.abspath(__file__))[0] + ".json"
# They tell build machine and host machine apart by themselves, from the files that crossfiles.py writes.
TOOLS = {"meson", "meson.py", "cmake", "ctest", "ninja", "pip"}


def program():
    """Base name of the script that this interpreter was started for; empty for -c, -m and the prompt."""
    words = getattr(sys, "orig_argv", [])[1:]
    return next((os.path.basename(word) for word in words[:4] if not word.startswith("-")), "")


def patch_platform(module, told):
    """machine() follows os.uname(); these two read the interpreter's own file."""
    module.architecture = lambda *_, **__: (f"{told['bits']}bit", told["linkage"])
    module.libc_ver = lambda *_, **__: tuple(told["libc"])


def patch_sysconfig(module, told):
    """get_path('include') is composed of the prefix, not read from the target's data."""
    for name, scheme in module._INSTALL_SCHEMES.items():
        if name.startswith(("posix_prefix", "posix_local", "posix_venv", "venv", "deb_system")):
            scheme.update(include=told["include"], platinclude=told["include"])


def patch_tags(module, told):
    """packaging.tags, in whichever package it is bundled, asks the running C library."""
    platforms = lambda *_, **__: iter(told["platforms"])  # noqa: E731
    module.platform_tags = module._linux_platforms = platforms


def patch_include(module, told):
    """The headers of this project are those of its wheel for the target."""
    folder = told["headers"][module.__name__]
    module.get_include = lambda *_, **__: folder


def patch_struct(module, told):
    """struct.calcsize('P') is how projects ask for the pointer's size; every other format packs as it did."""
    real = module.calcsize

    def calcsize(form):
        # ctypes compares it with the pointers of the machine that it runs on, and does not load where they differ.
        asked = form in ("P", b"P") and sys._getframe(1).f_globals.get("__name__") != "ctypes"
        return told["bits"] // 8 if asked else real(form)

    module.calcsize = calcsize


class AfterImport:
    """A meta path finder that patches a module as soon as it has been loaded."""

    def __init__(self, told):
        self.told = told
        self.busy = set()
        self.exact = {"platform": patch_platform, "sysconfig": patch_sysconfig}
        if told["bits"] == 32:
            self.exact["struct"] = patch_struct
        self.exact.update({name: patch_include for name in told["headers"]})

    def patch_of(self, name):
        if name == "packaging.tags" or name.endswith(".packaging.tags"):
            return patch_tags
        return self.exact.get(name)

    def find_spec(self, name, path=None, target=None):
        patch = self.patch_of(name)
        if patch is None or name in self.busy:  # another finder may ask all finders itself
            return None
        self.busy.add(name)
        try:
            others = (each.find_spec(name, path, target) for each in sys.meta_path if each is not self)
            spec = next((each for each in others if each is not None), None)
        finally:
            self.busy.discard(name)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        load = spec.loader.exec_module

        def load_and_patch(module):
            load(module)
            patch(module, self.told)

        spec.loader.exec_module = load_and_patch
        return spec

    def catch_up(self):
        """What was imported before this module."""
        for name, module in list(sys.modules.items()):
            patch = self.patch_of(name)
            if patch is not None:
                patch(module, self.told)


def speak(told):
    """Patches this interpreter."""
    import importlib.machinery

    real = os.uname

    def uname():
        found = real()
        return os.uname_result((*found[:4], told["machine"]))

    os.uname = uname
    sys.cross_compiling = True
    sys.implementation._multiarch = told["multiarch"]
    if told["bits"] == 32:
        sys.maxsize = 2**31 - 1
    # The import system has its own copy of this list.
    importlib.machinery.EXTENSION_SUFFIXES[:] = told["suffixes"]
    after = AfterImport(told)
    sys.meta_path.insert(0, after)
    after.catch_up()


def begin():
    """Speaks for the target where the environment names the one that this copy was written for; once."""
    if not os.environ.get("WHEELFARM_TARGET") or program() in TOOLS or hasattr(sys, "cross_compiling"):
        return
    with open(BESIDE, encoding="utf-8") as file:
        told = json.load(file)
    if told["target"] == os.environ["WHEELFARM_TARGET"]:
        speak(told)
