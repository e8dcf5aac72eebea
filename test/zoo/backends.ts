/** Tiny native projects, one a shape of build back end; each has a module with `answer() == 42`. */
import type { Animal } from './animals.ts';

/** A C extension module `name` that answers 42. */
const source = (name: string): string => [
  '#include <Python.h>',
  'static PyObject *answer(PyObject *self, PyObject *args) { return PyLong_FromLong(42); }',
  'static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};',
  `static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "${name}", NULL, -1, methods, NULL, NULL, NULL, NULL};`,
  `PyMODINIT_FUNC PyInit_${name}(void) { return PyModule_Create(&module); }`, '',
].join('\n');

const system = (requires: readonly string[], backend: string, more = ''): string =>
  `[build-system]\nrequires = ${JSON.stringify(requires)}\nbuild-backend = "${backend}"\n${more}`;
const project = (name: string, more = ''): string => `[project]\nname = "${name}"\nversion = "1.0"\n${more}`;
const setup = (name: string, module: string, rest = ''): string => [
  'from setuptools import Extension, setup',
  `setup(name="${name}", version="1.0", ext_modules=[Extension("${module}", ["${module}.c"])]${rest})`, '',
].join('\n');

/** Crates by name: version, SHA-256, what they depend on. */
const crates: Readonly<Record<string, readonly [version: string, sha256: string, needs: readonly string[]]>> = {
  cc: ['1.2.16', 'be714c154be609ec7f5dad223a33bf1482fff90472de28f7362806e6d4832b8c', ['shlex']],
  libc: ['0.2.191', '65cd87c9a6d60536580b316ad985726104730a5151c99845f2490428ef91240a', []],
  once_cell: ['1.21.4', '9f7c3e4beb33f85d45ae3e3a1792185706c8e16d043238c593331cc7cd313b50', []],
  'pyo3-build-config': ['0.25.1', '458eb0c55e7ece017adeba38f2248ff3ac615e53660d7c71a238d7d2a01c7598', ['once_cell', 'target-lexicon']],
  'pyo3-ffi': ['0.25.1', '7114fe5457c61b276ab77c5055f206295b812608083644a5c5b2640c3102565c', ['libc', 'pyo3-build-config']],
  shlex: ['1.3.0', '0fda2ff0d084019ba4d7c6f371c95d8fd75ce3524c3cb8fb653a3023f6323e64', []],
  'target-lexicon': ['0.13.5', 'adb6935a6f5c20170eeceb1a3835a49e12e19d792f6dd344ccc76a985ca5a6ca', []],
};

/** What a Cargo.lock calls the registry that cargo takes where none is named. */
const defaultRegistry = ['registry+https://github.com/rust-lang/crates', 'io-index'].join('.');

/** Cargo.lock of the package `name` that depends on these crates, and what they need. */
function cargoLock(name: string, direct: readonly string[]): string {
  const reached = new Set<string>();
  const reach = (crate: string): void => { reached.add(crate); for (const need of crates[crate]![2]) reach(need); };
  for (const crate of direct) reach(crate);
  const needs = (names: readonly string[]): string => (names.length === 0 ? '' : `dependencies = [\n${names.map((one) => ` "${one}",\n`).join('')}]\n`);
  const packages = [...reached].toSorted().map((crate) => {
    const [version, sha256, below] = crates[crate]!;
    return `[[package]]\nname = "${crate}"\nversion = "${version}"\nsource = "${defaultRegistry}"\nchecksum = "${sha256}"\n${needs(below)}\n`;
  });
  return `version = 4\n\n${packages.join('')}[[package]]\nname = "${name}"\nversion = "1.0.0"\n${needs(direct)}`;
}

/** A project of maturin whose module is written against Python's C API, which compiles in seconds; with `c` one file of C in it. */
function rust(name: string, c: boolean): Animal {
  const part = name.replaceAll('-', '_');
  const six = c ? 'extern "C" { fn six() -> i32; }' : 'unsafe fn six() -> i32 { 6 }';
  return {
    name,
    files: {
      'pyproject.toml': system(['maturin>=1.8,<2'], 'maturin', `${project(name)}[tool.maturin]\nmodule-name = "${part}"\n`),
      'Cargo.toml': `[package]\nname = "${part}"\nversion = "1.0.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n[dependencies]\n`
        + `pyo3-ffi = { version = "=0.25.1", features = ["extension-module"] }\n${c ? '[build-dependencies]\ncc = "=1.2.16"\n' : ''}`,
      'Cargo.lock': cargoLock(part, [...c ? ['cc'] : [], 'pyo3-ffi']),
      ...(c ? { 'build.rs': 'fn main() { cc::Build::new().file("six.c").compile("six"); }\n', 'six.c': 'int six(void) { return 6; }\n' } : {}),
      'src/lib.rs': [
        'use pyo3_ffi::*;', 'use std::ptr;', six,
        'unsafe extern "C" fn answer(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject { PyLong_FromLong((six() * 7).into()) }',
        'static mut METHODS: [PyMethodDef; 2] = [',
        '    PyMethodDef { ml_name: c"answer".as_ptr(), ml_meth: PyMethodDefPointer { PyCFunction: answer }, ml_flags: METH_NOARGS, ml_doc: ptr::null() },',
        '    PyMethodDef::zeroed(),', '];',
        'static mut MODULE: PyModuleDef = PyModuleDef {',
        `    m_base: PyModuleDef_HEAD_INIT, m_name: c"${part}".as_ptr(), m_doc: ptr::null(), m_size: -1,`,
        '    m_methods: ptr::addr_of_mut!(METHODS).cast(), m_slots: ptr::null_mut(), m_traverse: None, m_clear: None, m_free: None,', '};',
        '#[allow(non_snake_case)]', '#[no_mangle]',
        `pub unsafe extern "C" fn PyInit_${part}() -> *mut PyObject { PyModule_Create(ptr::addr_of_mut!(MODULE)) }`, '',
      ].join('\n'),
    },
  };
}

/** Shapes that are built in the image with Rust. */
export const rustShapes = { maturin: rust('zoo-maturin', false), rustAndC: rust('zoo-rust-and-c', true) } as const;

export const backendShapes = {
  setuptools: {
    name: 'zoo-setuptools',
    files: {
      'pyproject.toml': system(['setuptools'], 'setuptools.build_meta',
        `${project('zoo-setuptools')}[tool.setuptools]\npy-modules = []\next-modules = [{name = "zoo_setuptools", sources = ["zoo_setuptools.c"]}]\n`),
      'zoo_setuptools.c': source('zoo_setuptools'),
    },
  },
  setupPyOnly: {
    name: 'zoo-setup-py', files: { 'setup.py': setup('zoo-setup-py', 'zoo_setup_py'), 'zoo_setup_py.c': source('zoo_setup_py') },
  },
  backendPath: {
    name: 'zoo-backend-path',
    files: {
      'pyproject.toml': system(['setuptools'], 'own_backend', 'backend-path = ["backend"]\n'),
      'backend/own_backend.py': 'from setuptools.build_meta import *\n',
      'setup.py': setup('zoo-backend-path', 'zoo_backend_path'), 'zoo_backend_path.c': source('zoo_backend_path'),
    },
  },
  cython: {
    name: 'zoo-cython',
    files: {
      'pyproject.toml': system(['setuptools', 'Cython'], 'setuptools.build_meta'),
      'setup.py': 'from Cython.Build import cythonize\nfrom setuptools import setup\n'
        + 'setup(name="zoo-cython", version="1.0", ext_modules=cythonize(["zoo_cython.pyx"]))\n',
      'zoo_cython.pyx': 'def answer():\n    cdef int six = 6\n    return six * 7\n',
    },
  },
  cffi: {
    name: 'zoo-cffi',
    files: {
      'pyproject.toml': system(['setuptools', 'cffi'], 'setuptools.build_meta', project('zoo-cffi', 'dependencies = ["cffi"]\n')),
      'setup.py': 'from setuptools import setup\nsetup(cffi_modules=["make_cffi.py:maker"], py_modules=["zoo_cffi"])\n',
      'make_cffi.py': 'from cffi import FFI\nmaker = FFI()\nmaker.cdef("int answer(void);")\n'
        + 'maker.set_source("_zoo_cffi", "static int answer(void) { return 42; }")\n',
      'zoo_cffi.py': 'from _zoo_cffi import lib\nanswer = lib.answer\n',
    },
  },
  scikitBuildCore: {
    name: 'zoo-scikit-build',
    files: {
      'pyproject.toml': system(['scikit-build-core'], 'scikit_build_core.build', project('zoo-scikit-build')),
      'CMakeLists.txt': [
        'cmake_minimum_required(VERSION 3.18)', 'project(zoo LANGUAGES C CXX)',
        'find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)',
        'execute_process(COMMAND ${Python_EXECUTABLE} -c "import platform; print(platform.machine())"',
        '  OUTPUT_VARIABLE MACHINE OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)',
        'if(NOT MACHINE STREQUAL CMAKE_SYSTEM_PROCESSOR)',
        '  message(FATAL_ERROR "the interpreter says ${MACHINE}, CMake says ${CMAKE_SYSTEM_PROCESSOR}")', 'endif()',
        'python_add_library(zoo_scikit_build MODULE WITH_SOABI zoo_scikit_build.c)',
        'install(TARGETS zoo_scikit_build DESTINATION .)', '',
      ].join('\n'),
      'zoo_scikit_build.c': source('zoo_scikit_build'),
    },
  },
  mesonPython: {
    name: 'zoo-meson',
    files: {
      'pyproject.toml': system(['meson-python'], 'mesonpy', project('zoo-meson')),
      'meson.build': [
        "project('zoo-meson', 'c', version: '1.0')",
        "py = import('python').find_installation(pure: false)",
        "py.extension_module('zoo_meson', 'zoo_meson.c', install: true)", '',
      ].join('\n'),
      'zoo_meson.c': source('zoo_meson'),
    },
  },
  poetryCore: {
    name: 'zoo-poetry',
    files: {
      'pyproject.toml': system(['poetry-core', 'setuptools'], 'poetry.core.masonry.api',
        `${project('zoo-poetry', 'description = ""\n')}[tool.poetry]\npackages = [{include = "zoo_poetry"}]\n`
        + 'include = [{path = "zoo_poetry/*.so", format = "wheel"}]\n[tool.poetry.build]\nscript = "build.py"\ngenerate-setup-file = false\n'),
      'build.py': 'import os\nfrom setuptools import Distribution, Extension\n'
        + 'made = Distribution({"name": "zoo", "ext_modules": [Extension("zoo_poetry.native", ["native.c"])]})\n'
        + 'command = made.get_command_obj("build_ext")\ncommand.inplace = True\ncommand.ensure_finalized()\ncommand.run()\n',
      'zoo_poetry/__init__.py': 'from .native import answer\n', 'native.c': source('native'),
    },
  },
  pdmBackend: {
    name: 'zoo-pdm',
    files: {
      'pyproject.toml': system(['pdm-backend', 'setuptools'], 'pdm.backend',
        `${project('zoo-pdm')}[tool.pdm.build]\nrun-setuptools = true\nincludes = ["zoo_pdm"]\n`),
      'pdm_build.py': 'from setuptools import Extension\n\n\ndef pdm_build_update_setup_kwargs(context, kwargs):\n'
        + '    kwargs.update(ext_modules=[Extension("zoo_pdm.native", ["native.c"])])\n',
      'zoo_pdm/__init__.py': 'from .native import answer\n', 'native.c': source('native'),
    },
  },
  /** Says at import which headers it was compiled against: those of the build machine's numpy have another long double. */
  numpyHeaders: {
    name: 'zoo-numpy',
    files: {
      'pyproject.toml': system(['setuptools', 'numpy'], 'setuptools.build_meta'),
      'setup.py': 'import numpy\nfrom setuptools import Extension, setup\nprint("headers from", numpy.get_include())\n'
        + 'print("numpy computes", numpy.ones(3).sum())\n'
        + 'setup(name="zoo-numpy", version="1.0", install_requires=["numpy"],\n'
        + '      ext_modules=[Extension("zoo_numpy", ["zoo_numpy.c"], include_dirs=[numpy.get_include()])])\n',
      'zoo_numpy.c': source('zoo_numpy').replace('#include <Python.h>', '#include <Python.h>\n#include <numpy/arrayobject.h>'),
    },
  },
} as const satisfies Record<string, Animal>;

/**
 * A back end that prints, as one line of JSON after `probe: `, what a build sees of its target, and starts a build-machine
 * program that it compiled. Its wheel is pure.
 */
export const probe: Animal = {
  name: 'zoo-probe',
  files: {
    'pyproject.toml': '[build-system]\nrequires = ["packaging==25.0"]\nbuild-backend = "zoo_backend"\nbackend-path = ["."]\n',
    'main.c': 'int main(void) { return 42; }\n',
    'behaviour.py': [
      'import importlib.machinery, json, os, platform, struct, subprocess, sys, sysconfig',
      'from packaging import tags', 'from packaging.markers import default_environment', 'from zoo_backend import wheel', '', '',
      'def build(folder):',
      '    subprocess.run([os.environ["CC_FOR_BUILD"], "main.c", "-o", "main"], check=True)',
      '    markers = default_environment()',
      '    found = {',
      '        "sys": {"platform": sys.platform, "maxsize": hex(sys.maxsize), "cross": sys.cross_compiling,',
      '                "multiarch": sys.implementation._multiarch, "cache": sys.implementation.cache_tag},',
      '        "os": {"machine": os.uname().machine, "sysname": os.uname().sysname},',
      '        "platform": {"machine": platform.machine(), "system": platform.system(),',
      '                     "architecture": platform.architecture(), "libc": platform.libc_ver()},',
      '        "sysconfig": {"platform": sysconfig.get_platform(), "include": sysconfig.get_path("include"),',
      '                      **{name: sysconfig.get_config_var(name) for name in',
      '                         ("EXT_SUFFIX", "SOABI", "MULTIARCH", "INCLUDEPY", "SIZEOF_VOID_P", "SIZEOF_LONG", "CC", "LDSHARED")}},',
      '        "pointer": struct.calcsize("P"), "suffixes": importlib.machinery.EXTENSION_SUFFIXES,',
      '        "markers": {name: markers[name] for name in ("platform_machine", "platform_system", "sys_platform", "os_name", "python_version")},',
      '        "tagCount": len(list(tags.sys_tags())),',
      '        "tags": [str(tag) for tag in tags.sys_tags() if tag.abi == tag.interpreter],',
      '        "childMachine": subprocess.run([sys.executable, "-IS", "-c", "import platform; print(platform.machine())"],',
      '                                       capture_output=True, text=True).stdout.strip(),',
      '        "buildProgram": subprocess.run(["./main"]).returncode,',
      '    }',
      '    print("probe: " + json.dumps(found, sort_keys=True), flush=True)',
      '    return wheel(folder, "zoo-probe")', '',
    ].join('\n'),
  },
};
