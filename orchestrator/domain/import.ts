/** Which files of an upstream release are imported, and whether its name may be taken. */
import { parseSdistFilename, parseWheelFilename } from './filename.ts';
import { normalizeName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { compareVersions, parseVersion } from './version.ts';
import type { Version } from './version.ts';

/** A refusal by its code, with the words of its card. */
export type ImportFault = {
  readonly code: 'FARM_VERSION_UNKNOWN' | 'FARM_IMPORT_EMPTY' | 'FARM_IMPORT_HELD' | 'FARM_IMPORT_BUILT' | 'FARM_TOO_LARGE';
  readonly words: Readonly<Record<string, string>>;
};

/** What the upstream index lists. */
export type OfferedFile = { readonly filename: string; readonly sha256: string; readonly bytes: number | null };

export type ChosenFiles<T extends OfferedFile> = {
  readonly version: string;
  readonly files: readonly (T & { readonly kind: 'sdist' | 'wheel' })[];
  /** Files of this version that no installer reads today. */
  readonly leftOut: readonly string[];
};

/**
 * All wheels and the sdist of one version.
 * @shape limits: how many files, and how many bytes where upstream says sizes
 * @errors FARM_VERSION_UNKNOWN, FARM_IMPORT_EMPTY, FARM_TOO_LARGE
 */
export function chooseFiles<T extends OfferedFile>(
  project: { readonly name: string; readonly files: readonly T[] }, wanted: Version,
  limits: { readonly filesMax: number; readonly bytesMax: number },
): Result<ChosenFiles<T>, ImportFault> {
  const chosen: (T & { kind: 'sdist' | 'wheel' })[] = [];
  const leftOut: string[] = [];
  let version: string | null = null;
  for (const file of project.files) {
    const kind = file.filename.endsWith('.whl') ? 'wheel' : 'sdist';
    const parsed = kind === 'wheel' ? parseWheelFilename(file.filename) : parseSdistFilename(file.filename);
    if (!parsed.ok) {
      if (otherFormat(file.filename, project.name, wanted)) leftOut.push(file.filename);
      continue;
    }
    if (parsed.value.name !== normalizeName(project.name) || !same(parsed.value.version, wanted)) continue;
    version ??= parsed.value.version;
    chosen.push({ ...file, kind });
  }
  if (version === null) {
    return err<ImportFault>(leftOut.length === 0
      ? { code: 'FARM_VERSION_UNKNOWN', words: { project: project.name, version: wanted.text, newest: newestOf(project) } }
      : { code: 'FARM_IMPORT_EMPTY', words: { project: project.name, version: wanted.text, files: leftOut.join(', ') } });
  }
  if (chosen.length > limits.filesMax) return err({ code: 'FARM_TOO_LARGE', words: { limit: `${limits.filesMax} files` } });
  const bytes = chosen.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  if (bytes > limits.bytesMax) return err({ code: 'FARM_TOO_LARGE', words: { limit: `${limits.bytesMax} bytes` } });
  return ok({ version, files: chosen.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)), leftOut: leftOut.toSorted() });
}

const same = (text: string, wanted: Version): boolean => {
  const parsed = parseVersion(text);
  return parsed.ok && compareVersions(parsed.value, wanted) === 0;
};

/** Eggs, installers and older archives: named as what was not taken, so that nobody looks for them. */
function otherFormat(filename: string, project: string, wanted: Version): boolean {
  const match = /^(.+?)-(\d[^-]*?)(?:[.-](?:py\d.*|win.*|linux.*|macosx.*))?\.(?:egg|exe|msi|rpm|dmg|deb|tgz|tar\.bz2|tar\.xz|tar\.Z|tar)$/.exec(filename);
  return match !== null && normalizeName(match[1] ?? '') === normalizeName(project) && same(match[2] ?? '', wanted);
}

function newestOf({ files }: { readonly files: readonly OfferedFile[] }): string {
  const versions = files.flatMap(({ filename }) => {
    const parsed = filename.endsWith('.whl') ? parseWheelFilename(filename) : parseSdistFilename(filename);
    const version = parsed.ok ? parseVersion(parsed.value.version) : null;
    return version?.ok ? [version.value] : [];
  });
  return versions.toSorted(compareVersions).at(-1)?.text ?? 'none';
}

/** What the farm knows of a name, and of a version of it. */
export type NameState = {
  /** This farm alone answers for the name. */
  readonly held: boolean;
  /** Something of it was built here from a folder or a file: it is somebody's own project. */
  readonly ownSource: boolean;
  /** Something of it was built from the upstream index, or imported. */
  readonly fromUpstream: boolean;
  /** A file of this version that was built here. */
  readonly builtFile: string | null;
};

/**
 * Whether a release of this name may be imported: a name that is somebody's own never gets a stranger's files, and a
 * release is either built here or imported, because both have files of the same names.
 * @errors FARM_IMPORT_HELD, FARM_IMPORT_BUILT
 * @source infra/decisions/0004-names-and-fall-through.md
 */
export function mayImport(project: string, version: string, state: NameState): Result<true, ImportFault> {
  if (state.ownSource || (state.held && !state.fromUpstream)) return err({ code: 'FARM_IMPORT_HELD', words: { project } });
  if (state.builtFile !== null) return err({ code: 'FARM_IMPORT_BUILT', words: { project, version, file: state.builtFile } });
  return ok(true);
}
