/** Which build requirement keeps a target from being built: found before a container starts. Pure. */
import { parseSdistFilename, parseWheelFilename } from './filename.ts';
import { evaluateMarker } from './marker.ts';
import type { MarkerEnvironment } from './marker.ts';
import type { Requirement } from './requirement.ts';
import { expandTagSet, targetAcceptsWheel } from './tags.ts';
import { allowsPython, parseVersion, satisfies } from './version.ts';

/** What is known of a target's interpreter; `tags` null where no image has recorded them: then its id decides. */
export interface TargetInterpreter {
  readonly target: string;
  readonly tags: ReadonlySet<string> | null;
  readonly markers: MarkerEnvironment;
}

/** A file of a project's page. */
export interface PageFile { readonly filename: string; readonly requiresPython: string | null; readonly yanked: boolean }

/**
 * The first requirement that no wheel of its page satisfies for the interpreter; null where each has one, and where a
 * page is not known or no file of it has a right version: the fetch will say it.
 */
export function missingRequirement(
  requirements: readonly Requirement[], interpreter: TargetInterpreter, pages: ReadonlyMap<string, readonly PageFile[]>,
): Requirement | null {
  return requirements.find((one) => {
    if (one.url !== null || (one.marker && !evaluateMarker(one.marker, interpreter.markers))) return false;
    const files = pages.get(one.name);
    return files !== undefined && files.some((file) => isMeant(file.filename, one)) && !files.some((file) => fits(file, one, interpreter));
  }) ?? null;
}

/** Whether a file, also an sdist, has a version that the requirement takes: else nothing could be built either. */
function isMeant(filename: string, one: Requirement): boolean {
  const parsed = filename.endsWith('.whl') ? parseWheelFilename(filename) : parseSdistFilename(filename);
  const version = parsed.ok ? parseVersion(parsed.value.version) : parsed;
  return version.ok && satisfies(version.value, one.specifiers);
}

function fits({ filename, requiresPython, yanked }: PageFile, one: Requirement, { target, tags, markers }: TargetInterpreter): boolean {
  const wheel = parseWheelFilename(filename);
  if (!wheel.ok) return false;
  const version = parseVersion(wheel.value.version);
  const pinned = one.specifiers.some(({ operator, prefix }) => operator === '===' || (operator === '==' && !prefix));
  if (!version.ok || !satisfies(version.value, one.specifiers) || (yanked && !pinned)) return false;
  if (!allowsPython(requiresPython, markers['python_version'] ?? '')) return false;
  return tags === null ? targetAcceptsWheel(target, wheel.value.tags) : expandTagSet(wheel.value.tags).some((tag) => tags.has(tag));
}

/** What a cell's interpreter says of itself, computed: for a row whose image has recorded nothing. */
export function usualMarkers(target: string, python: string): MarkerEnvironment {
  const platform = target.slice(target.indexOf('-') + 1);
  const [family = ''] = platform.split('_');
  const machine = platform.slice(family.length + 1) || 'x86';
  const windows = family.startsWith('win');
  const system = windows ? 'Windows' : family === 'macosx' ? 'Darwin' : 'Linux';
  return {
    implementation_name: 'cpython', implementation_version: `${python}.0`, os_name: windows ? 'nt' : 'posix',
    platform_machine: windows ? machine.toUpperCase() : machine, platform_python_implementation: 'CPython', platform_system: system,
    python_full_version: `${python}.0`, python_version: python,
    sys_platform: windows ? 'win32' : family === 'macosx' ? 'darwin' : 'linux', platform_release: '', platform_version: '',
  };
}

/** Back ends that are pure in every release: no page is read for them. */
export const everywhere: ReadonlySet<string> = new Set([
  'setuptools', 'wheel', 'flit-core', 'hatchling', 'hatch-vcs', 'poetry-core', 'pdm-backend', 'setuptools-scm', 'packaging', 'meson-python', 'scikit-build-core',
]);
