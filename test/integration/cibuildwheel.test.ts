import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platformName, readOptions, unsupportedOptions } from '../../orchestrator/domain/cibuildwheel.ts';
import type { ProjectOptions } from '../../orchestrator/domain/cibuildwheel.ts';
import { parseRequirement, printRequirement } from '../../orchestrator/domain/requirement.ts';
import { evaluateAssignments, splitWords } from '../../orchestrator/domain/shell-words.ts';
import type { Assignment } from '../../orchestrator/domain/shell-words.ts';
import { allowsPython } from '../../orchestrator/domain/version.ts';
import { clientVenv } from '../support/clients.ts';

const execute = promisify(execFile);
const support = join(import.meta.dirname, '..', 'support');

/** Real projects with [tool.cibuildwheel] in their sdists: small ones, of many kinds of build. */
const projects = [
  'asyncpg==0.32.0', 'awkward-cpp==57', 'black==26.10.1', 'boost-histogram==1.8.1', 'cftime==1.6.6.1', 'coverage==7.17.3',
  'cymem==2.0.16', 'h5py==3.16.0', 'highspy==1.15.1', 'httptools==0.9.0', 'iminuit==2.33.0', 'kiwisolver==1.5.1',
  'levenshtein==0.27.5', 'line-profiler==5.1.0', 'markupsafe==3.0.4', 'multidict==7.2.1', 'murmurhash==1.0.16',
  'netcdf4==1.7.5.1.post1', 'numexpr==2.14.2', 'propcache==0.5.4', 'psutil==7.2.2', 'pybase64==1.5.1', 'pycares==5.2.1',
  'pyzmq==27.3.0', 'rtree==1.4.1', 'shapely==2.2.0', 'srsly==2.5.6', 'tiktoken==0.14.0', 'tornado==6.6.1',
  'tree-sitter==0.26.1', 'websockets==17.4', 'xxhash==4.1.0', 'yarl==1.25.1',
];
/** Their tables have what this version of cibuildwheel refuses; the farm names it and reads the rest. */
const refused: Readonly<Record<string, string>> = {
  'frozenlist==1.8.0': 'enable = cpython-freethreading', 'zstandard==0.25.0': 'enable = cpython-freethreading',
  'thinc==9.1.1': 'free-threaded-support',
};

type Said = Record<string, unknown> & { readonly error?: string };
interface Answer {
  readonly identifiers: readonly string[]; readonly base: Record<string, string>;
  readonly folders: Readonly<Record<string, Readonly<Record<string, Said>>>>;
}

let folder = '';
let answer: Answer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farm-cibuildwheel-'));
  const bin = await clientVenv('cibuildwheel-4.3.3', ['cibuildwheel==4.3.3', 'setuptools==80.9.0']);
  const all = [...projects, ...Object.keys(refused)];
  await execute(join(bin, 'python'), [join(support, 'sdist_pyprojects.py'), folder, ...all]);
  const folders = all.map((what) => join(folder, nameOf(what)));
  const { stdout } = await execute(join(bin, 'python'), [join(support, 'cibuildwheel_options.py'), ...folders], { maxBuffer: 1e9 });
  answer = JSON.parse(stdout) as Answer;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const nameOf = (what: string): string => what.split('==')[0] ?? '';
const settingsOf = async (what: string): Promise<Record<string, unknown>> =>
  parse(await readFile(join(folder, nameOf(what), 'pyproject.toml'), 'utf8'));

/** Values as they come out where every command prints its own words. */
function values(assignments: readonly Assignment[]): Record<string, string> {
  const all = evaluateAssignments(assignments, answer.base, (command) => {
    const words = splitWords(command);
    return `<${words.ok ? words.value.join(' ') : command}>`;
  });
  return Object.fromEntries(assignments.map(({ name }) => [name, all[name] ?? '']));
}

/** Requirements in one spelling: cibuildwheel prints those of groups anew. */
const spelled = (texts: readonly string[]): string[] => texts.map((text) => {
  const parsed = parseRequirement(text);
  return parsed.ok ? printRequirement(parsed.value) : text;
});

function comparable(options: ProjectOptions): Said {
  const { skipped: _, skippedBy: __, environment, testEnvironment, testExtras, testRequires, ...rest } = options;
  return {
    ...rest, environment: values(environment), testEnvironment: values(testEnvironment),
    testExtras: testExtras.join(','), testRequires: spelled(testRequires),
  };
}

describe('[tool.cibuildwheel]', () => {
  it.each(projects)('%s reads as cibuildwheel reads it, for every identifier', async (what) => {
    const settings = await settingsOf(what);
    const requires = (settings['project'] as { 'requires-python'?: string } | undefined)?.['requires-python'] ?? null;
    expect(answer.identifiers.length).toBeGreaterThan(150);
    for (const id of answer.identifiers) {
      const { selected, arch, error, ...theirs } = answer.folders[nameOf(what)]?.[id] ?? { error: 'no answer' };
      expect(error, `${what} ${id}`).toBeUndefined();
      const ours = readOptions(settings, id);
      if (!ours.ok) throw new Error(`${what} ${id}: ${JSON.stringify(ours.error)}`);
      expect(comparable(ours.value), `${what} ${id}`).toEqual({ ...theirs, testRequires: spelled(theirs['testRequires'] as string[]) });
      const byArch = ours.value.skipped?.startsWith('archs') ?? false;
      const chosen = (ours.value.skipped === null || byArch) && allowsPython(requires, pythonOf(id));
      expect(chosen, `${what} ${id}: ${ours.value.skipped}`).toBe(selected);
      if (byArch) expect(arch, `${what} ${id}: ${ours.value.skipped}`).toBe(false);
      else if (onlyNamedArchs(settings, id) && selected && !thinOfUniversal(settings, id)) expect(arch, `${what} ${id}`).toBe(true);
    }
  });

  it.each(Object.entries(refused))('%s has what cibuildwheel refuses: the farm names %s and reads the rest', async (what, option) => {
    const settings = await settingsOf(what);
    expect(answer.folders[nameOf(what)]?.['cp313-manylinux_x86_64']?.error).toContain(option.split(' = ').at(-1));
    expect(unsupportedOptions(settings).map((one) => one.option)).toContain(option);
    expect(readOptions(settings, 'cp313-manylinux_x86_64').ok).toBe(true);
  });
});

/** `3.13` of `cp313t-win_arm64` */
const pythonOf = (id: string): string => id.replace(/^[a-z]+(\d)(\d+).*$/, '$1.$2');

/** Whether cibuildwheel makes one universal2 wheel where the farm makes two thin ones. */
const thinOfUniversal = (settings: Record<string, unknown>, id: string): boolean =>
  /-macosx_(x86_64|arm64)$/.test(id) && /universal2/.test(archsOf(settings, id));

/** Whether the project names architectures: `auto` means another thing on a farm than on one machine. */
const onlyNamedArchs = (settings: Record<string, unknown>, id: string): boolean => !/auto|native/.test(archsOf(settings, id));

function archsOf(settings: Record<string, unknown>, id: string): string {
  const table = (settings['tool'] as Record<string, Record<string, unknown>>)['cibuildwheel'] ?? {};
  const own = table[platformName(id)] as Record<string, unknown> | undefined;
  return [own?.['archs'] ?? table['archs'] ?? 'auto'].flat().join(' ');
}
