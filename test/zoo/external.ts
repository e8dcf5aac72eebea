/** Tiny projects that need a library of a system, named by [external] of PEP 725. */
import type { Animal } from './animals.ts';

interface Need {
  readonly name: string;
  readonly depUrl: string;
  readonly include: string;
  readonly libraries: readonly string[];
  /** An expression of C that is 42 when the library works. */
  readonly answer: string;
  /** C before it. */
  readonly more?: string;
}

function needing({ name, depUrl, include, libraries, answer, more = '' }: Need): Animal {
  const part = name.replaceAll('-', '_');
  return {
    name,
    files: {
      'pyproject.toml': `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[external]\nhost-requires = ["${depUrl}"]\n`,
      'setup.py': 'import subprocess\nfrom setuptools import Extension, setup\n'
        + `flags = lambda what: subprocess.run(["pkg-config", what, *${JSON.stringify(libraries)}], capture_output=True, text=True, check=True).stdout.split()\n`
        + `setup(name="${name}", version="1.0", ext_modules=[Extension("${part}", ["${part}.c"],\n`
        + '      extra_compile_args=flags("--cflags"), extra_link_args=flags("--libs"))])\n',
      [`${part}.c`]: [
        '#include <Python.h>', include, more,
        `static PyObject *answer(PyObject *self, PyObject *args) { return PyLong_FromLong(${answer}); }`,
        'static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};',
        `static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "${part}", NULL, -1, methods, NULL, NULL, NULL, NULL};`,
        `PyMODINIT_FUNC PyInit_${part}(void) {`,
        // An import is what the farm's test does: a library that does not work must end it.
        `  if ((${answer}) != 42) { PyErr_SetString(PyExc_ImportError, "the library does not work"); return NULL; }`,
        '  return PyModule_Create(&module);', '}', '',
      ].join('\n'),
    },
  };
}

export const externalAnimals = {
  libffi: needing({
    name: 'zoo-libffi', depUrl: 'dep:generic/libffi', include: '#include <ffi.h>', libraries: ['libffi'],
    more: [
      'static int six_times(int n) { return 6 * n; }',
      'static int called(void) {', '  ffi_cif cif; ffi_type *kinds[1] = {&ffi_type_sint}; int n = 7; void *values[1] = {&n}; ffi_arg result = 0;',
      '  if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 1, &ffi_type_sint, kinds) != FFI_OK) return 0;',
      '  ffi_call(&cif, FFI_FN(six_times), &result, values);', '  return (int) result;', '}'].join('\n'),
    answer: 'called()',
  }),
  zlib: needing({
    name: 'zoo-zlib', depUrl: 'dep:generic/zlib', include: '#include <zlib.h>', libraries: ['zlib'],
    answer: 'crc32(0, (const Bytef *) "", 0) == 0 ? 42 : 0',
  }),
  libyaml: needing({
    name: 'zoo-libyaml', depUrl: 'dep:generic/libyaml', include: '#include <yaml.h>', libraries: ['yaml-0.1'],
    answer: 'yaml_get_version_string()[0] == \'0\' ? 42 : 0',
  }),
  openssl: needing({
    name: 'zoo-openssl', depUrl: 'dep:generic/openssl@>=3', include: '#include <openssl/evp.h>\n#include <openssl/ssl.h>', libraries: ['openssl'],
    more: [
      'static int digested(void) {', '  unsigned char out[EVP_MAX_MD_SIZE]; unsigned int length = 0;',
      '  if (!EVP_Digest("", 0, out, &length, EVP_sha256(), NULL) || length != 32 || out[0] != 0xe3) return 0;',
      '  SSL_CTX *context = SSL_CTX_new(TLS_method());', '  if (!context) return 0;', '  SSL_CTX_free(context);', '  return 42;', '}'].join('\n'),
    answer: 'digested()',
  }),
  /** One of Debian's own binaries: the farm does not compile it. */
  sqlite: needing({
    name: 'zoo-sqlite', depUrl: 'dep:generic/sqlite', include: '#include <sqlite3.h>', libraries: ['sqlite3'],
    answer: 'sqlite3_libversion_number() > 3000000 ? 42 : 0',
  }),
  unknown: needing({
    name: 'zoo-unknown-library', depUrl: 'dep:generic/nosuchlibrary', include: '', libraries: ['nosuchlibrary'], answer: '42',
  }),
} as const satisfies Record<string, Animal>;
