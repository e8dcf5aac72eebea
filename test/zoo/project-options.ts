/** Animals whose pyproject.toml asks for something beside the source. */
import type { Animal } from './animals.ts';

const inTree = '[build-system]\nrequires = []\nbuild-backend = "zoo_backend"\nbackend-path = ["."]\n';

/** A pure wheel of `content`, which are lines of Python that set `members`. */
function asking(name: string, table: string, content: readonly string[] = [], files: Readonly<Record<string, string>> = {}): Animal {
  const part = name.replaceAll('-', '_');
  const body = ['members = {}', ...content, `members.setdefault("${part}/__init__.py", "ANIMAL = True\\n")`, `return wheel(folder, "${name}", files=members)`];
  return {
    name,
    files: {
      'pyproject.toml': `${inTree}${table}\n`,
      'behaviour.py': `import json, os\nfrom zoo_backend import wheel\n\nconfig_settings = None\n\n\ndef build(folder):\n${body.map((line) => `    ${line}`).join('\n')}\n`,
      ...files,
    },
  };
}

export const askingAnimals = {
  /** Everything at once; its wheel holds what its build saw, its tests look at it. */
  everything: asking('zoo-asks', `
[dependency-groups]
check = ["packaging"]

[tool.cibuildwheel]
environment = { FROM_TABLE = "one", JOINED = "$FROM_TABLE-$(printf 'two words' | tr ' ' '_')", CFLAGS = "-DASKED" }
config-settings = { setup-args = ["-Done", "-Dtwo={project}"] }
before-all = "printf all > order.txt"
before-build = ["printf ' build' >> order.txt", "test -n \\"$FROM_TABLE\\""]
test-groups = ["check"]
test-command = "python {project}/tests/look.py"
test-environment = { ONLY_TESTS = "yes" }
skip = "*-musllinux_*"
repair-wheel-command = "true"
`, [
    'seen = {name: os.environ.get(name) for name in ("FROM_TABLE", "JOINED", "CIBUILDWHEEL", "CIBUILDWHEEL_BUILD_IDENTIFIER", "CFLAGS")}',
    'seen["settings"] = config_settings',
    'seen["order"] = open("order.txt").read()',
    'members["zoo_asks/__init__.py"] = f"SEEN = {seen!r}\\n"',
  ], {
    'tests/look.py': [
      'import os, packaging, zoo_asks',
      'seen = zoo_asks.SEEN',
      'assert (seen["FROM_TABLE"], seen["JOINED"], seen["CIBUILDWHEEL"]) == ("one", "one-two_words", "1"), seen',
      'assert seen["CIBUILDWHEEL_BUILD_IDENTIFIER"] == "cp311-manylinux_x86_64", seen',
      'assert seen["settings"]["setup-args"] == ["-Done", "-Dtwo=/work/src"], seen',
      'assert seen["order"] == "all build", seen',
      'assert seen["CFLAGS"].endswith("-DASKED") and "-DNDEBUG" in seen["CFLAGS"], seen',
      'assert os.environ["ONLY_TESTS"] == "yes" and os.environ["FROM_TABLE"] == "one"',
      'print("the suite ran")', '',
    ].join('\n'),
  }),
  installsFirst: asking('zoo-installs-first', `
[tool.cibuildwheel]
before-all = "echo start && yum install -y libyaml-devel openssl-devel"
`),
  pipFirst: asking('zoo-pip-first', '\n[tool.cibuildwheel]\nbefore-build = "pip install numpy cython"\n'),
  hookFails: asking('zoo-hook-fails', '\n[tool.cibuildwheel]\nbefore-build = "echo not today; exit 3"\n'),
  suiteFails: asking('zoo-suite-fails', '\n[tool.cibuildwheel]\ntest-command = "python -c \'raise SystemExit(\\"two is not three\\")\'"\n'),
  suiteAway: asking('zoo-suite-away', '\n[tool.cibuildwheel]\ntest-command = "pytest {package}/tests"\n'),
  skipsAll: asking('zoo-skips-all', '\n[tool.cibuildwheel]\nbuild = "cp39-*"\n'),
  wrongOption: asking('zoo-wrong-option', '\n[tool.cibuildwheel]\nenvironment = "A=1; B=2"\n'),
  /** Fails as it is; a recipe mends it. */
  needsRecipe: asking('zoo-needs-recipe', '', ['assert os.environ.get("MENDED") == "yes", "not mended"', 'MENDED = False', 'assert MENDED, "not patched"']),
} as const satisfies Record<string, Animal>;
