"""What a cross build needs beside environment variables: the persona of the build environment's interpreter, a CMake
toolchain file, a Meson cross file, headers of requirements for the target, and the compiler's cache. Called by hooks.py.
"""
import glob
import json
import os
import platform
import shutil
import subprocess
import tarfile
import zipfile

from common import StepFailure

HERE = os.path.dirname(os.path.abspath(__file__))
# Meson's names; every other machine is named by itself.
CPU_FAMILIES = {"armv7l": "arm", "ppc64le": "ppc64", "i686": "x86", "AMD64": "x86_64", "ARM64": "aarch64", "arm64": "aarch64"}
# What platform.architecture() says of the interpreter's own file.
LINKAGES = {"Linux": "ELF", "Windows": "WindowsPE", "Darwin": ""}
BIG_ENDIAN = {"s390x"}
# Projects whose get_include() a build compiles against, and where their wheel has the headers.
HEADER_FOLDERS = {"numpy": ("numpy/_core/include", "numpy/core/include")}

# Rust's name of a Linux machine, where Debian has its standard library.
RUST_TRIPLES = {
    "x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu",
    "armv7l": "armv7-unknown-linux-gnueabihf", "ppc64le": "powerpc64le-unknown-linux-gnu",
    "s390x": "s390x-unknown-linux-gnu", "riscv64": "riscv64gc-unknown-linux-gnu",
}
CARGO_CONFIG = """\
[source.crates-io]
replace-with = "fetched"

[source.fetched]
directory = "{crates}"
"""

TOOLCHAIN = """\
# Written by the farm for {target}.
set(CMAKE_SYSTEM_NAME {system})
set(CMAKE_SYSTEM_PROCESSOR {machine})
set(CMAKE_C_COMPILER {CC})
set(CMAKE_CXX_COMPILER {CXX})
set(CMAKE_ASM_COMPILER {CC})
set(CMAKE_AR {AR})
set(CMAKE_RANLIB {RANLIB})
set(CMAKE_STRIP {STRIP})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# The interpreter runs here and answers for the target.
set(Python_EXECUTABLE {python} CACHE FILEPATH "")
set(Python3_EXECUTABLE {python} CACHE FILEPATH "")
set(PYTHON_EXECUTABLE {python} CACHE FILEPATH "")
set(Python_INCLUDE_DIR {include} CACHE PATH "")
set(Python3_INCLUDE_DIR {include} CACHE PATH "")
set(PYTHON_MODULE_EXTENSION {suffix} CACHE STRING "")
"""
WINDOWS = """\
set(CMAKE_RC_COMPILER {bin}/windres)
set(Python_LIBRARY {library} CACHE FILEPATH "")
set(Python3_LIBRARY {library} CACHE FILEPATH "")
set(PYTHON_LIBRARY {library} CACHE FILEPATH "")
"""
DARWIN = """\
set(CMAKE_INSTALL_NAME_TOOL {bin}/install_name_tool)
set(CMAKE_OSX_SYSROOT "" CACHE PATH "")
"""
MORE = {"Linux": "", "Windows": WINDOWS, "Darwin": DARWIN}

CROSS_FILE = """\
# Written by the farm for {target}.
[binaries]
c = '{CC}'
cpp = '{CXX}'
ar = '{AR}'
strip = '{STRIP}'
python = '{python}'

[host_machine]
system = '{meson_system}'
cpu_family = '{family}'
cpu = '{machine}'
endian = '{endian}'

[properties]
needs_exe_wrapper = true
longdouble_format = '{longdouble}'
"""
# numpy runs a program to learn it, or is told by the cross file. mingw-w64 has x87's on Windows, other than MSVC.
LONG_DOUBLES = {
    "x86_64": "INTEL_EXTENDED_16_BYTES_LE", "AMD64": "INTEL_EXTENDED_16_BYTES_LE", "aarch64": "IEEE_QUAD_LE",
    "riscv64": "IEEE_QUAD_LE", "s390x": "IEEE_QUAD_BE", "ppc64le": "IBM_DOUBLE_DOUBLE_LE",
}


def machine_of(description):
    """As platform.machine() says it on the target: aarch64, AMD64."""
    return description["markers"]["platform_machine"]


def system_of(description):
    """As platform.system() says it on the target."""
    return description["expect"].get("system", "Linux")


def is_foreign(description):
    """False where what is compiled for the target starts on the build machine too."""
    if description.get("interpreter"):  # the target's own, in an image of the target's machine
        return False
    return description["expect"]["libc"] != "glibc" or machine_of(description) != platform.machine()


def folder_of(order):
    return os.path.join(order.get("work", "/work"), "cross")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def target_headers(order):
    """Unpacks the headers of the target's wheels, where the order has any: {project: include folder}."""
    bundle = order.get("targetBundle")
    if not bundle or not os.path.exists(bundle):
        return {}
    site = os.path.join(folder_of(order), "site")
    with tarfile.open(bundle) as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if member.isfile() and name.endswith(".whl"):
                unpack_headers(tar.extractfile(member), site, name)
    found = {}
    for project, folders in HEADER_FOLDERS.items():
        present = [os.path.join(site, each) for each in folders if os.path.isdir(os.path.join(site, each))]
        if present:
            found[project] = present[0]
    return found


def unpack_headers(stream, site, name):
    """Headers, static libraries and the files that describe them; no module and no shared object."""
    from prepare import inside

    try:
        wheel = zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        raise StepFailure("FARM_FETCH_FAILED", {"why": f"{name} is not a wheel: {error}"}) from None
    for member in wheel.infolist():
        target = inside(site, member.filename)
        if target is None or not member.filename.endswith((".h", ".hpp", ".a", ".ini", ".pc", ".pxd")):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with wheel.open(member) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)


def told_multiarch(description):
    """`aarch64-linux-gnu`, which stands in the name of every extension module; elsewhere the compiler's triple."""
    if "triple" in description["expect"]:
        return description["expect"]["triple"]
    return description["expect"]["extSuffix"].split("-", 2)[2].removesuffix(".so")


def told_of(order, description):
    """What persona.py says."""
    expect, tags = description["expect"], description["tags"]
    platforms = list(dict.fromkeys(tag.rsplit("-", 1)[1] for tag in tags))
    libc = {"glibc": "glibc", "musl": "libc"}.get(expect["libc"], "")
    return {
        "target": description["target"], "machine": machine_of(description), "bits": expect["class"],
        "multiarch": told_multiarch(description), "libc": [libc, ".".join(str(part) for part in expect["floor"]) if libc else ""],
        "linkage": LINKAGES[system_of(description)],
        "suffixes": expect.get("suffixes", [expect["extSuffix"], ".abi3.so", ".so"]),
        "platforms": [each for each in platforms if each != "any"],
        "include": f"{description['sysroot']}/include/python{description['python']}",
        "headers": target_headers(order),
    }


def install_persona(order, description):
    """Puts persona.py into the build environment; every interpreter of that environment starts it."""
    for site in glob.glob(os.path.join(order["env"], "lib", "python3*", "site-packages")):
        shutil.copyfile(os.path.join(HERE, "persona.py"), os.path.join(site, "_wheelfarm_target.py"))
        write(os.path.join(site, "_wheelfarm_target.json"), json.dumps(told_of(order, description)))
        write(os.path.join(site, "_wheelfarm_target.pth"), "import _wheelfarm_target; _wheelfarm_target.begin()\n")


def external_environment(order):
    """Unpacks the external libraries that were put beside the inputs, once; the variables by which builds find them."""
    bundles = sorted(glob.glob(os.path.join(order["external"], "*.tar"))) if order.get("external") else []
    if not bundles:
        return {}
    place = os.path.join(order.get("work", "/work"), "external")
    for bundle in bundles:
        mark = os.path.join(place, f".{os.path.basename(bundle)}")
        if not os.path.exists(mark):
            os.makedirs(place, exist_ok=True)
            with tarfile.open(bundle) as tar:
                tar.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            write(mark, "")
    openssl = os.path.isdir(f"{place}/include/openssl")
    return {
        # The crate openssl-sys asks for it first.
        **({"OPENSSL_DIR": place} if openssl else {}),
        "WHEELFARM_EXTERNAL": place, "PKG_CONFIG_LIBDIR": f"{place}/lib/pkgconfig", "CMAKE_PREFIX_PATH": place,
        # Rust's crates ask pkg-config in a cross build only when they are told that its answers are the target's.
        "PKG_CONFIG_ALLOW_CROSS": "1",
        "C_INCLUDE_PATH": f"{place}/include", "CPLUS_INCLUDE_PATH": f"{place}/include", "LIBRARY_PATH": f"{place}/lib",
    }


def cross_environment(order, description):
    """Writes everything; answers the variables that point to it."""
    return {**external_environment(order), **target_environment(order, description), **rust_environment(order, description)}


def sysconfig_folder(order, description):
    """A folder with the target's sysconfig data under the name that the environment gives it: pyo3 looks for that one.

    It lies as in an installation, with the headers beside it: build scripts go from one to the other.
    """
    name, python = f"{description['environment']['_PYTHON_SYSCONFIGDATA_NAME']}.py", f"python{description['python']}"
    folder, headers = os.path.join(folder_of(order), "lib", python), os.path.join(folder_of(order), "include")
    [found] = glob.glob(f"{description['sysroot']}/lib/{python}/_sysconfigdata_*.py")
    os.makedirs(folder, exist_ok=True)
    shutil.copyfile(found, os.path.join(folder, name))
    os.makedirs(headers, exist_ok=True)
    if not os.path.lexists(os.path.join(headers, python)):
        os.symlink(f"{description['sysroot']}/include/{python}", os.path.join(headers, python))
    return folder


def rust_environment(order, description):
    """Cargo's configuration for the target, where crates were fetched for this build."""
    bundle = order.get("crateBundle")
    if not bundle or not os.path.exists(bundle) or description["expect"].get("libc") != "glibc":
        return {}
    triple = RUST_TRIPLES[machine_of(description)]
    work = order.get("work", "/work")
    crates, home = os.path.join(work, "crates"), os.path.join(work, "cargo-home")
    if not os.path.isdir(crates):
        with tarfile.open(bundle) as tar:
            tar.extractall(crates, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    write(os.path.join(home, "config.toml"), CARGO_CONFIG.format(crates=crates))
    compilers = os.path.dirname(description["environment"]["CC"])
    linker = lambda of: f"CARGO_TARGET_{of.upper().replace('-', '_')}_LINKER"  # noqa: E731
    native = RUST_TRIPLES[platform.machine()]
    python = description["python"]
    return {
        "CARGO_HOME": home, "CARGO_BUILD_TARGET": triple, "CARGO_NET_OFFLINE": "true",
        linker(native): f"{compilers}/build-cc", linker(triple): f"{compilers}/cc",
        f"CC_{triple.replace('-', '_')}": f"{compilers}/cc", f"CXX_{triple.replace('-', '_')}": f"{compilers}/c++",
        f"AR_{triple.replace('-', '_')}": f"{compilers}/ar",
        # The cc crate puts ARFLAGS before flags of its own, which then are file names.
        "ARFLAGS": "",
        "MATURIN_PEP517_ARGS": f"--target {triple}",
        "PYO3_CROSS_LIB_DIR": sysconfig_folder(order, description), "PYO3_CROSS_PYTHON_VERSION": python,
        "RUSTFLAGS": f"--remap-path-prefix={work}=.",
    }


def target_environment(order, description):
    """Persona, toolchain file and cross file."""
    if description.get("interpreter"):  # nothing is crossed where the image has the target's own interpreter
        return {}
    install_persona(order, description)
    bin_folder = os.path.dirname(description["environment"]["CC"])
    build = {"CC_FOR_BUILD": f"{bin_folder}/build-cc", "CXX_FOR_BUILD": f"{bin_folder}/build-c++",
             "HOST_CC": f"{bin_folder}/build-cc", "HOST_CXX": f"{bin_folder}/build-c++"}
    if not is_foreign(description):
        return build
    machine, folder, system = machine_of(description), folder_of(order), system_of(description)
    words = {
        **description["environment"], "target": description["target"], "machine": machine,
        "system": system, "meson_system": system.lower(), "bin": bin_folder,
        "library": description["expect"].get("pythonLibrary", ""), "family": CPU_FAMILIES.get(machine, machine), "endian": "big" if machine in BIG_ENDIAN else "little",
        "longdouble": LONG_DOUBLES.get(machine, "IEEE_DOUBLE_LE"),
        "python": os.path.join(order["env"], "bin", "python"), "suffix": description["expect"]["extSuffix"],
        "include": f"{description['sysroot']}/include/python{description['python']}",
    }
    write(os.path.join(folder, "toolchain.cmake"), (TOOLCHAIN + MORE[system]).format_map(words))
    write(os.path.join(folder, "meson.ini"), CROSS_FILE.format_map(words))
    return {
        **build,
        "host_alias": told_multiarch(description), "build_alias": f"{platform.machine()}-linux-gnu",
        "CMAKE_TOOLCHAIN_FILE": os.path.join(folder, "toolchain.cmake"),
        "WHEELFARM_MESON_CROSS_FILE": os.path.join(folder, "meson.ini"),
    }


def backend_settings(order, description):
    """config_settings that a backend needs to find the cross file; None for all others."""
    module = order["buildSystem"]["backend"].split(":")[0].split(".")[0]
    if module != "mesonpy" or description is None or not is_foreign(description):
        return None
    return {"setup-args": [f"--cross-file={os.path.join(folder_of(order), 'meson.ini')}"]}


BAKED = "/opt/wheelfarm/zig-cache"


def fill_compiler_cache(environment, baked=BAKED):
    """The compiler's writable cache, as cross-debian/compiler.py makes it at the first call of a cell, in a third of its time.

    2,000 manifests of 23 MB: 0.15 s of processor by cp, 0.5 s by a loop of Python.
    """
    cache = environment.get("ZIG_GLOBAL_CACHE_DIR")
    if not cache or os.path.isdir(cache) or not os.path.isdir(baked):
        return
    script = 'mkdir -p "$1.new/o" "$1.new/tmp" && cp -r "$2/b" "$2/h" "$1.new/" && ln -s "$2"/o/* "$1.new/o/" && mv "$1.new" "$1"'
    subprocess.run(["sh", "-c", script, "sh", cache, baked], check=True)
