import { fileSource } from '../adapters/archive/byte-source.ts';
import { openWheel, type OpenedWheel } from '../adapters/archive/payload.ts';
import { respinBuildType } from '../domain/edit-statement.ts';
import { editMetadata, printDiff, type EditOperation, type FieldDiff } from '../domain/edit.ts';
import { withHeader } from '../domain/edit-text.ts';
import { parseWheelFilename } from '../domain/filename.ts';
import { err, ok, type Result } from '../domain/result.ts';
import type { Statement } from '../domain/statement.ts';
import { printable } from './printable.ts';
import { judgeSdistAgainst } from './verify-sdist.ts';

/** A file on this disk. */
export interface LocalFile { readonly path: string; readonly filename: string; readonly sha256: string }

/** What a respin's statement says, as far as it is judged here. */
interface RespinClaim {
  readonly buildType?: string;
  readonly externalParameters?: {
    readonly project?: string; readonly version?: string; readonly why?: string; readonly requestedBy?: string;
    readonly operations?: readonly EditOperation[];
    readonly delivery?: { readonly mode?: string; readonly buildTag?: number; readonly version?: string };
    readonly approvals?: readonly { readonly by: string; readonly kind: string; readonly self: boolean }[];
  };
  readonly internalParameters?: {
    readonly changes?: readonly FieldDiff[]; readonly metadataSha256?: string; readonly originalMetadataSha256?: string;
    readonly payload?: { readonly form?: string; readonly sha256?: string };
    readonly sdistBuilt?: { readonly state?: string; readonly target?: string; readonly fields?: readonly string[]; readonly why?: string };
  };
  readonly resolvedDependencies?: readonly { readonly digest?: { readonly sha256?: string } }[];
}

/**
 * Whether a wheel is its original with the edit that its verified statement tells, and nothing else: the payload member
 * by member, METADATA made again from the operations, WHEEL and the farm's SBOM.
 * @returns lines that say who changed what; or why it is not so
 */
export async function judgeAgainst(
  { file, original, statement, farmId }:
  { readonly file: LocalFile; readonly original: LocalFile; readonly statement: Statement; readonly farmId: string },
): Promise<Result<readonly string[], string>> {
  const claim = (statement.predicate['buildDefinition'] ?? {}) as RespinClaim;
  if (claim.buildType !== respinBuildType(farmId)) return err('its provenance does not say that it was edited');
  const judge = file.filename.endsWith('.whl') ? judgeWheel : judgeSdist;
  const same = await judge(claim, file, original);
  if (!same.ok) return same;
  const { why: reason = '', requestedBy = '', approvals = [] } = claim.externalParameters ?? {};
  const own = approvals.filter(({ kind, self }) => kind === 'added-dependency' && self);
  return ok([
    `edited  by ${requestedBy}: ${reason}`,
    ...printDiff(claim.internalParameters?.changes ?? []).trimEnd().split('\n').map((line) => `        ${line}`),
    ...own.map(({ by }) => `        ${by} approved the added dependency of their own edit`),
    same.value, ...builtLines(claim.internalParameters?.sdistBuilt),
  ].map(printable));
}

/** What the farm attested of the one build of a patched sdist. */
function builtLines(built: NonNullable<RespinClaim['internalParameters']>['sdistBuilt']): string[] {
  const { state, target = '', fields = [], why = '' } = built ?? {};
  if (state === 'equal') return [`built   once for ${target}: METADATA says the same`];
  if (state === 'different') return [`built   once for ${target}: METADATA differs in ${fields.join(', ')}, which was accepted`];
  return state === undefined ? [] : [`built   never: ${why}; that was accepted`];
}

async function judgeWheel(claim: RespinClaim, file: LocalFile, original: LocalFile): Promise<Result<string, string>> {
  const [after, before] = [await opened(file), await opened(original)];
  if (!after.ok) return after;
  if (!before.ok) return before;
  const why = lieIn(claim, before.value, after.value);
  if (why !== null) return err(why);
  const { payload, stored: { digest } } = after.value;
  return ok(`same    ${payload.length} members, byte for byte those of ${original.filename}; payload sha256 ${digest}`);
}

function judgeSdist(claim: RespinClaim, file: LocalFile, original: LocalFile) {
  const { externalParameters: outside = {}, internalParameters: inside = {}, resolvedDependencies } = claim;
  return judgeSdistAgainst({
    original: resolvedDependencies?.[0]?.digest?.sha256, project: outside.project ?? '', version: outside.version ?? '',
    toVersion: outside.delivery?.version ?? '', operations: outside.operations ?? [], changes: inside.changes ?? [],
    payload: inside.payload?.sha256,
  }, file, original);
}

/** The same under the version of a post-release. */
function asDelivered(metadata: string | null, version: string | undefined): string | null {
  return metadata === null || version === undefined ? metadata : withHeader(metadata, 'Version', version);
}

async function opened({ path, filename, sha256 }: LocalFile): Promise<Result<OpenedWheel, string>> {
  const parsed = parseWheelFilename(filename);
  if (!parsed.ok) return err(`${filename} is no wheel`);
  const source = await fileSource(path);
  try {
    const wheel = await openWheel({ source, filename, sha256, expected: parsed.value });
    return wheel.ok ? wheel : err(`${filename}: ${wheel.error.words['why'] ?? wheel.error.code}`);
  } finally {
    await source.close();
  }
}

/** The first thing that does not hold, or null. */
function lieIn(claim: RespinClaim, before: OpenedWheel, after: OpenedWheel): string | null {
  const { internalParameters: inside = {}, externalParameters: outside = {} } = claim;
  if (claim.resolvedDependencies?.[0]?.digest?.sha256 !== before.sha256) return `it was made of another file than ${before.filename}`;
  if (after.stored.digest !== before.stored.digest) return `its payload is another one: ${differenceOf(before, after)}`;
  if (inside.payload?.sha256 !== after.stored.digest) return 'the statement is about another payload';
  const edited = editMetadata(before.texts.metadata, outside.operations ?? []);
  const expected = edited.ok ? edited.value.metadata : edited.error.code === 'FARM_EDIT_NOTHING' ? before.texts.metadata : null;
  const { mode, buildTag, version } = outside.delivery ?? {};
  if (asDelivered(expected, mode === 'post' ? version : undefined) !== after.texts.metadata) return 'its METADATA is not what the attested operations make of the original';
  const changes = edited.ok ? edited.value.changes : [];
  if (printDiff(changes) !== printDiff(inside.changes ?? [])) return 'the statement tells other changes than there are';
  if (withHeader(before.texts.wheel, 'Build', mode === 'post' ? null : String(buildTag)) !== after.texts.wheel) return 'its WHEEL differs in more than the build tag';
  // Of a post-release the SBOM names the new version; whether there is one is all that must agree.
  if (mode === 'post') return (before.sbom === null) === (after.sbom === null) ? null : 'its SBOM was added or taken away';
  return JSON.stringify(before.sbom?.line ?? null) === JSON.stringify(after.sbom?.line ?? null) ? null : 'its SBOM is another one';
}

/** Members by which two payloads differ, by name; packing, mode or order where all contents agree. */
function differenceOf(before: OpenedWheel, after: OpenedWheel): string {
  const lines = (wheel: OpenedWheel) => new Map(wheel.record.map(({ path, hash }) => [path, hash]));
  const [old, fresh] = [lines(before), lines(after)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].filter((path) => old.get(path) !== fresh.get(path));
  return names.length === 0 ? 'the same contents, packed or ordered otherwise' : names.slice(0, 5).join(', ');
}
