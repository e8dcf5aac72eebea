/**
 * Reads `[tool.cibuildwheel]` of a parsed pyproject.toml for one target, so that a project that has it needs nothing
 * else here. The environment variables CIBW_* of somebody's CI are no part of a release and are not read.
 * @source cibuildwheel 4.3, `options.py` and `selector.py`; test/e2e/20-cibuildwheel.test.ts compares with it
 */
import { cascade, environmentFormat, isTable, listFormat, ownTableFormat, readInherit, readPairs, settingsFormat } from './cibuildwheel-values.ts';
import type { Format, Level, Rule, Table } from './cibuildwheel-values.ts';
import { resolveGroups } from './dependency-groups.ts';
import { tablesFor } from './recipe.ts';
import type { Layer } from './recipe.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { selects } from './selector.ts';
import { parseAssignments, quoteWord, splitWords } from './shell-words.ts';
import type { Assignment } from './shell-words.ts';

export type ConfigSettings = Readonly<Record<string, string | readonly string[]>>;

/** What a project asks for one target. An empty text, list or table means: nothing. */
export interface ProjectOptions {
  /** Why the target is not built; null where it is. */
  readonly skipped: string | null;
  /** Whose line leaves it out, or would. */
  readonly skippedBy: string;
  readonly environment: readonly Assignment[];
  readonly configSettings: ConfigSettings;
  readonly beforeAll: string;
  readonly beforeBuild: string;
  /** False where test-skip names the target. */
  readonly tested: boolean;
  readonly beforeTest: string;
  readonly testCommand: string;
  readonly testRequires: readonly string[];
  readonly testExtras: readonly string[];
  readonly testSources: readonly string[];
  readonly testEnvironment: readonly Assignment[];
}

/** @errors an option that cannot be used; `option` as it is written in TOML */
export type OptionError = { readonly option: string; readonly why: string };

/** An option that the project sets and the farm does not follow, with the reason. */
export interface Unsupported { readonly option: string; readonly why: string }

const platforms = ['linux', 'macos', 'windows', 'android', 'ios', 'pyodide'] as const;
export type Platform = (typeof platforms)[number];

const words = listFormat(' ');
const quotedWords = listFormat(' ', quoteWord);
const commands = listFormat(' && ');

/** Every option that the farm follows, with its form. */
const followed = {
  build: words, skip: words, 'test-skip': words, enable: words, archs: words,
  environment: environmentFormat, 'test-environment': environmentFormat, 'config-settings': settingsFormat,
  'before-all': commands, 'before-build': commands, 'before-test': commands, 'test-command': commands,
  'test-requires': quotedWords, 'test-extras': listFormat(','), 'test-groups': words, 'test-sources': quotedWords,
} as const satisfies Record<string, Format>;
type Followed = keyof typeof followed;

/** Options of cibuildwheel that mean nothing here, and why. */
const passedOver: Readonly<Record<string, string>> = {
  'repair-wheel-command': 'the farm repairs every wheel itself, with the tool of its catalogue row',
  'environment-pass': 'nothing of the host goes into a sealed build',
  'build-frontend': 'the farm calls the build backend itself',
  'dependency-versions': 'requirements are resolved up to the cut-off time of the plan',
  'container-engine': 'the farm has containers of its own',
  'pyodide-version': 'the catalogue row names the version',
  'xbuild-tools': 'the sealed build has the tools of its image', 'xbuild-files': 'headers come from the wheel of the target',
  'audit-requires': 'the farm audits every wheel itself', 'audit-command': 'the farm audits every wheel itself',
  'test-runtime': 'the farm has test images of its own',
};
/** The log of a cell always has everything. */
const harmless = new Set(['build-verbosity', 'inherit', 'overrides', 'select', ...platforms]);
const imageOption = /^(many|musl)linux-\w+-image$/;

/** `linux` for `cp313-manylinux_aarch64`. */
export function platformName(target: string): Platform {
  const family = target.slice(target.indexOf('-') + 1);
  if (/^(manylinux|musllinux)_/.test(family)) return 'linux';
  if (family.startsWith('macosx_')) return 'macos';
  return platforms.find((name) => family.startsWith(name)) ?? 'windows';
}

/** The table, or null where the project has none: then it asks for nothing. */
export function cibuildwheelTable(settings: Table): Table | null {
  const tool = settings['tool'];
  const table = isTable(tool) ? tool['cibuildwheel'] : undefined;
  return isTable(table) ? table : null;
}

/**
 * The options of a target.
 * @param settings the whole parsed pyproject.toml: test-groups stand under [dependency-groups]
 * @param layers recipes over the project's own table, lowest first
 */
export function readOptions(settings: Table, target: string, layers: readonly Layer[] = []): Result<ProjectOptions, OptionError> {
  const table = cibuildwheelTable(settings) ?? {};
  const levels = levelsOf([{ by: '[tool.cibuildwheel]', table }, ...layers], target);
  if (!levels.ok) return levels;
  const texts = textsOf(levels.value);
  if (!texts.ok) return texts;
  const { value: text } = texts;
  const skipped = cibuildwheelTable(settings) === null && layers.length === 0 ? ok(null) : whySkipped(text, target);
  if (!skipped.ok) return skipped;
  const environment = named('environment', parseAssignments(text.environment));
  const testEnvironment = named('test-environment', parseAssignments(text['test-environment']));
  const configSettings = named('config-settings', readPairs(text['config-settings']));
  const required = named('test-requires', splitWords(text['test-requires']));
  const testSources = named('test-sources', splitWords(text['test-sources']));
  const groups = named('test-groups', resolveGroups(settings['dependency-groups'], text['test-groups'].split(/\s+/).filter(Boolean)));
  if (!environment.ok) return environment;
  if (!testEnvironment.ok) return testEnvironment;
  if (!configSettings.ok) return configSettings;
  if (!required.ok) return required;
  if (!testSources.ok) return testSources;
  if (!groups.ok) return groups;
  return ok({
    skipped: skipped.value, skippedBy: byWhom(levels.value, skipped.value), environment: environment.value, configSettings: configSettings.value,
    beforeAll: text['before-all'], beforeBuild: text['before-build'], tested: !selects(text['test-skip'], target),
    beforeTest: text['before-test'], testCommand: text['test-command'], testRequires: [...required.value, ...groups.value],
    testExtras: text['test-extras'].split(',').map((one) => one.trim()).filter(Boolean), testSources: testSources.value,
    testEnvironment: testEnvironment.value,
  });
}

const named = <T>(option: string, read: Result<T, { readonly why: string }>): Result<T, OptionError> =>
  (read.ok ? read : err({ option, why: read.error.why }));

/** The tables that say something for a target, lowest first: the whole, its platform, the overrides that select it. */
interface Source { readonly by: string; readonly options: Table; readonly inherit: ReadonlyMap<string, Rule> }

function levelsOf(layers: readonly Layer[], target: string): Result<readonly Source[], OptionError> {
  const found: Source[] = [];
  for (const { by, table } of layers) {
    const { overrides } = table;
    if (overrides !== undefined && !Array.isArray(overrides)) return err({ option: 'overrides', why: 'it must be a list of tables' });
    for (const one of (overrides ?? []) as unknown[]) {
      const select = isTable(one) ? one['select'] : undefined;
      if (!isTable(one) || select === '' || !(typeof select === 'string' || Array.isArray(select))) return err({ option: 'overrides', why: 'each needs a select' });
      const inherit = named('overrides.inherit', readInherit(one['inherit']));
      if (!inherit.ok) return inherit;
    }
    for (const options of tablesFor(table, platformName(target), target)) {
      const inherit = named('inherit', readInherit(options['inherit']));
      if (!inherit.ok) return inherit;
      found.push({ by, options, inherit: inherit.value });
    }
  }
  return ok(found);
}

/** Whose line decides: the highest table that has the option which `skipped` names. */
function byWhom(sources: readonly Source[], skipped: string | null): string {
  const option = /^[a-z]+/.exec(skipped ?? '')?.[0] ?? '';
  return sources.findLast(({ options }) => options[option] !== undefined)?.by ?? '[tool.cibuildwheel]';
}

function textsOf(sources: readonly Source[]): Result<Readonly<Record<Followed, string>>, OptionError> {
  const found: Partial<Record<Followed, string>> = {};
  for (const option of Object.keys(followed) as Followed[]) {
    const levels = sources.map(({ options, inherit }): Level => ({ value: options[option], rule: inherit.get(option) ?? 'none' }));
    const text = named(option, cascade(levels, followed[option], option === 'archs'));
    if (!text.ok) return text;
    found[option] = text.value;
  }
  return ok(found as Record<Followed, string>);
}

const groupNames = ['cpython-prerelease', 'graalpy', 'pypy', 'pypy-eol', 'pyodide-eol', 'pyodide-prerelease'];
/** Groups that older versions had and that are always on, or gone, by now. */
const oldGroups = ['cpython-freethreading', 'cpython-experimental-riscv64'];

/** The group that must be enabled for a target; null for one that always is built. @source `BuildSelector` */
function groupOf(target: string): string | null {
  if (target.startsWith('cp316')) return 'cpython-prerelease';
  if (/^pp3(\d|10)-/.test(target)) return 'pypy-eol';
  if (target.startsWith('pp')) return 'pypy';
  if (target.startsWith('gp')) return 'graalpy';
  return target.startsWith('cp312-pyodide_') ? 'pyodide-eol' : null;
}

function whySkipped(text: Readonly<Record<Followed, string>>, target: string): Result<string | null, OptionError> {
  const enabled = text.enable.split(/\s+/).filter(Boolean);
  const unknown = enabled.find((one) => one !== 'all' && !groupNames.includes(one) && !oldGroups.includes(one));
  if (unknown !== undefined) return err({ option: 'enable', why: `${unknown} is no group; there are ${groupNames.join(', ')}` });
  const group = groupOf(target);
  if (group !== null && !enabled.includes('all') && !enabled.includes(group)) return ok(`enable has no ${group}`);
  if (selects(text.skip, target)) return ok(`skip = "${text.skip.trim()}"`);
  if (!selects(text.build || '*', target)) return ok(`build = "${text.build.trim()}"`);
  const archs = archsOf(text.archs || 'auto', platformName(target));
  if (!archs.ok) return archs;
  return ok(archs.value === null || archs.value.some((arch) => ofArch(target, arch)) ? null : `archs = "${text.archs.trim()}"`);
}

const archNames: Readonly<Record<Platform, readonly string[]>> = {
  linux: ['x86_64', 'i686', 'aarch64', 'ppc64le', 's390x', 'armv7l', 'riscv64'], macos: ['x86_64', 'arm64', 'universal2'],
  windows: ['x86', 'AMD64', 'ARM64'], pyodide: ['wasm32'], android: ['x86_64', 'arm64_v8a'],
  ios: ['arm64_iphoneos', 'arm64_iphonesimulator', 'x86_64_iphonesimulator'],
};
const narrow = ['i686', 'armv7l', 'x86'];

/**
 * The architectures that are asked for; null for all. `auto` and `native` mean the machine that cibuildwheel runs on:
 * the farm has all of them, so they leave nothing out; `auto64` and `auto32` choose by width.
 */
function archsOf(text: string, platform: Platform): Result<readonly string[] | null, OptionError> {
  const found: string[] = [];
  for (const one of text.split(/[\s,]+/).filter(Boolean)) {
    if (['auto', 'native', 'all'].includes(one)) return ok(null);
    const own = archNames[platform];
    const any = Object.values(archNames).flat().find((name) => name.toLowerCase() === one.toLowerCase());
    if (one === 'auto64') found.push(...own.filter((name) => !narrow.includes(name)));
    else if (one === 'auto32') found.push(...own.filter((name) => narrow.includes(name)));
    else if (any === undefined) return err({ option: 'archs', why: `${one} is no architecture` });
    else found.push(own.find((name) => name.toLowerCase() === one.toLowerCase()) ?? any);
  }
  return ok(found);
}

/** Two thin wheels serve every machine that a universal2 wheel serves, so who asks for that gets them. */
function ofArch(target: string, arch: string): boolean {
  if (arch === 'universal2' && /-macosx_(x86_64|arm64)$/.test(target)) return true;
  const windows: Readonly<Record<string, string>> = { x86: '-win32', AMD64: '-win_amd64', ARM64: '-win_arm64' };
  return target.endsWith(windows[arch] ?? `_${arch}`);
}

/**
 * What the project sets and the farm does not follow, each option once. A value equal to what cibuildwheel does by
 * itself is not named.
 */
export function unsupportedOptions(settings: Table): readonly Unsupported[] {
  const table = cibuildwheelTable(settings);
  if (table === null) return [];
  const overrides = Array.isArray(table['overrides']) ? (table['overrides'] as unknown[]).filter(isTable) : [];
  const tables = [table, ...platforms.map((name) => table[name]).filter(isTable), ...overrides];
  const set = [...new Set(tables.flatMap((one) => Object.keys(one).filter((name) => !isDefault(name, one[name]))))];
  const old = tables.flatMap(({ enable }) => (Array.isArray(enable) ? enable as unknown[] : String(enable ?? '').split(/\s+/)))
    .filter((group): group is string => oldGroups.includes(String(group)));
  return [
    ...set.toSorted().flatMap((option): Unsupported[] => {
      if (option in followed || harmless.has(option)) return [];
      if (imageOption.test(option)) return [{ option, why: 'the catalogue row names the image and the floor' }];
      return [{ option, why: passedOver[option] ?? 'cibuildwheel has no such option' }];
    }),
    ...[...new Set(old)].map((group): Unsupported => ({ option: `enable = ${group}`, why: 'cibuildwheel has no such group any more' })),
  ];
}

function isDefault(option: string, value: unknown): boolean {
  const text = cascade([{ value, rule: 'none' }], ownTableFormat);
  const asWritten = text.ok ? text.value : '';
  return (option === 'build-frontend' && ['default', 'build'].includes(asWritten))
    || (option === 'dependency-versions' && asWritten === 'pinned') || (option === 'container-engine' && asWritten === 'docker');
}
