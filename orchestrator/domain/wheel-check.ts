import type { AuditFault } from './binary-audit.ts';
import { parseWheelFilename, printWheelFilename } from './filename.ts';
import type { WheelFilename } from './filename.ts';
import { parseMetadata, readCoreMetadata, readWheelFile } from './metadata.ts';
import type { CoreMetadata, WheelFile } from './metadata.ts';
import { normalizeName } from './names.ts';
import { parseRecord, recordDifferences } from './record.ts';
import type { MemberDigest } from './record.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { expandTagLines, expandTagSet, printTagSet, targetAcceptsWheel } from './tags.ts';
import { normalizeVersion } from './version.ts';

/** What the cell asked for. Without a target the tags are only compared with the file's own. */
export type ExpectedWheel = { readonly name: string; readonly version: string; readonly targetId?: string };

/** The files of `.dist-info` that decide, as text. */
export type WheelTexts = { readonly metadata: string; readonly wheel: string; readonly record: string };

/** A wheel whose parts agree with each other and with its cell. */
export type CheckedWheel = {
  readonly filename: WheelFilename;
  readonly core: CoreMetadata;
  readonly wheelFile: WheelFile;
  readonly distInfo: string;
};

/** `words` fill the card of the code. */
export type WheelFault = {
  readonly code: 'FARM_WHEEL_NAME' | 'FARM_WHEEL_VERSION' | 'FARM_WHEEL_TAG' | 'FARM_WHEEL_BROKEN' | AuditFault['code'];
  readonly words: Readonly<Record<string, string>>;
};

const namedMax = 5;

/** The one `.dist-info` folder of an archive. @errors FARM_WHEEL_BROKEN: none, or more than one */
export function findDistInfo(file: string, paths: readonly string[]): Result<string, WheelFault> {
  const folders = new Set(paths.flatMap((path) => /^([^/]+\.dist-info)\//.exec(path)?.[1] ?? []));
  const [only] = folders;
  if (folders.size === 1 && only !== undefined) return ok(only);
  const why = folders.size === 0 ? 'no .dist-info folder' : `${folders.size} .dist-info folders`;
  return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why } });
}

/** Whether filename, `.dist-info` folder, METADATA and WHEEL say the same, and what the cell asked for. */
export function checkIdentity(
  file: string, distInfo: string, texts: WheelTexts, expected: ExpectedWheel,
): Result<CheckedWheel, WheelFault> {
  const broken = (why: string) => err<WheelFault>({ code: 'FARM_WHEEL_BROKEN', words: { file, why } });
  const filename = parseWheelFilename(file);
  if (!filename.ok) return broken(filename.error.why);
  const metadata = parseMetadata(texts.metadata);
  const core = metadata.ok ? readCoreMetadata(metadata.value) : metadata;
  if (!core.ok) return broken(`METADATA: ${core.error.why}`);
  const wheel = parseMetadata(texts.wheel);
  const wheelFile = wheel.ok ? readWheelFile(wheel.value) : wheel;
  if (!wheelFile.ok) return broken(`WHEEL: ${wheelFile.error.why}`);
  const { name, version } = filename.value;
  if (name !== normalizeName(expected.name)) {
    return err({ code: 'FARM_WHEEL_NAME', words: { file, project: expected.name } });
  }
  if (version !== normalizeVersion(expected.version)) {
    return err({ code: 'FARM_WHEEL_VERSION', words: { file, version: expected.version } });
  }
  const { name: innerName, version: innerVersion } = core.value;
  if (innerName !== name) return err({ code: 'FARM_WHEEL_NAME', words: { file, project: innerName } });
  if (innerVersion !== version) return err({ code: 'FARM_WHEEL_VERSION', words: { file, version: innerVersion } });
  const folder = parseFolder(distInfo);
  if (folder?.name !== name || folder.version !== version) return broken(`it holds the folder ${distInfo}`);
  const tags = checkTags(file, filename.value, wheelFile.value, expected.targetId);
  return tags.ok ? ok({ filename: filename.value, core: core.value, wheelFile: wheelFile.value, distInfo }) : tags;
}

function parseFolder(distInfo: string): { name: string; version: string | null } | null {
  const match = /^(.+)-([^-]+)\.dist-info$/.exec(distInfo);
  return match === null ? null : {
    name: normalizeName(match[1] ?? ''), version: normalizeVersion((match[2] ?? '').replaceAll('_', '-')),
  };
}

function checkTags(
  file: string, filename: WheelFilename, wheelFile: WheelFile, targetId: string | undefined,
): Result<true, WheelFault> {
  const inside = expandTagLines(wheelFile.tags);
  const outside = expandTagSet(filename.tags);
  if (!inside.ok || inside.value.join() !== outside.join()) {
    const why = `WHEEL has the tags ${wheelFile.tags.join(', ')}, the filename ${printTagSet(filename.tags)}`;
    return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why } });
  }
  const build = filename.build === null ? null : `${filename.build.number}${filename.build.rest}`;
  if (wheelFile.build !== build) {
    const why = `WHEEL has the build tag ${wheelFile.build ?? 'none'}, the filename ${build ?? 'none'}`;
    return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why } });
  }
  if (targetId === undefined || targetAcceptsWheel(targetId, filename.tags)) return ok(true);
  return err({ code: 'FARM_WHEEL_TAG', words: { file, target: targetId } });
}

/** Whether RECORD lists exactly the members, with their hashes. @errors FARM_WHEEL_BROKEN with the first differences */
export function checkRecord(file: string, record: string, members: readonly MemberDigest[]): Result<true, WheelFault> {
  const entries = parseRecord(record);
  const differences = entries.ok
    ? recordDifferences(entries.value, members)
    : [`line ${entries.error.line}: ${entries.error.why}`];
  if (differences.length === 0) return ok(true);
  const more = differences.length > namedMax ? ` and ${differences.length - namedMax} more` : '';
  const why = `RECORD: ${differences.slice(0, namedMax).join('; ')}${more}`;
  return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why } });
}

/** Every License-File must lie in the wheel since metadata 2.4. @errors FARM_WHEEL_BROKEN */
export function checkLicenceFiles(checked: CheckedWheel, paths: readonly string[]): Result<true, WheelFault> {
  const [major = 0, minor = 0] = checked.core.metadataVersion.split('.').map(Number);
  if (major < 2 || minor < 4) return ok(true);
  const there = new Set(paths);
  const missing = checked.core.licenseFiles.find((path) => !there.has(`${checked.distInfo}/licenses/${path}`));
  if (missing === undefined) return ok(true);
  const words = { file: printWheelFilename(checked.filename), why: `the licence file ${missing} is not in it` };
  return err({ code: 'FARM_WHEEL_BROKEN', words });
}
