import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { auditBinary } from '../../domain/binary-audit.ts';
import type { BinaryFormat } from '../../domain/binary-audit.ts';
import { printWheelFilename } from '../../domain/filename.ts';
import { parseMetadata, printMetadata, withField } from '../../domain/metadata.ts';
import { printRecord, recordEntry } from '../../domain/record.ts';
import type { MemberDigest } from '../../domain/record.ts';
import { err, ok } from '../../domain/result.ts';
import type { Result } from '../../domain/result.ts';
import { isPure } from '../../domain/tags.ts';
import { checkIdentity, checkLicenceFiles, checkRecord, findDistInfo } from '../../domain/wheel-check.ts';
import type { CheckedWheel, ExpectedWheel, WheelFault, WheelTexts } from '../../domain/wheel-check.ts';
import { farmSbomPath, isPayload, payloadOrder } from '../../domain/zip-layout.ts';
import { fileSource } from './byte-source.ts';
import { ArchiveRefused, archiveLimits } from './limits.ts';
import type { ArchiveLimits } from './limits.ts';
import { openZip, readMember, scanMember } from './zip-read.ts';
import type { ZipArchive, ZipEntry } from './zip-read.ts';
import { createZip, newMember } from './zip-write.ts';
import type { ZipWriter } from './zip-write.ts';

export type BinaryKind = BinaryFormat;

/** A shared object or program in a wheel. `grafted`: put there by the repair tool, not by the project. */
export type Binary = MemberDigest & { readonly kind: BinaryKind; readonly grafted: boolean };

/** What is known of the wheel when its SBOM is made. */
export type WheelFacts = {
  readonly checked: CheckedWheel;
  readonly members: readonly MemberDigest[];
  readonly binaries: readonly Binary[];
};

export type DescribeOrder = {
  readonly wheelPath: string;
  /** Name to check and to publish under; the base name of `wheelPath` where absent. */
  readonly filename?: string;
  /** File to write; must not exist. Removed again when the wheel is refused. */
  readonly outPath: string;
  /** `memory`: a small wheel is not written but answered as `whole`. */
  readonly small?: 'file' | 'memory';
  readonly expected: ExpectedWheel;
  /** Makes the SBOM's text; equal facts must give equal text. */
  readonly sbom: (facts: WheelFacts) => string;
  /** @unit seconds since 1970; later member times become this */
  readonly sourceDateEpoch: number;
  /** Written into WHEEL and filename; absent leaves what the wheel has. */
  readonly buildTag?: number;
  readonly limits?: ArchiveLimits;
  /** Of the catalogue row that it was built for, such as `glibc 2.17`; absent: floors are not judged. */
  readonly floor?: string;
};

/** The final wheel: from here on this digest is the wheel. */
export type DescribedWheel = {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  /** The wheel itself where no file was written. */
  readonly whole: Buffer | null;
  readonly metadata: string;
  readonly metadataSha256: string;
  readonly requiresPython: string | null;
  readonly requiresDist: readonly string[];
  /** Length of the prefix that an edit of metadata keeps. @unit bytes */
  readonly payloadBytes: number;
  readonly binaries: readonly Binary[];
  readonly grafted: readonly Binary[];
  readonly members: number;
};

/** Largest METADATA, WHEEL or RECORD that is read. @unit bytes */
const textBytesMax = 32 * 2 ** 20;

/**
 * Checks a built wheel and writes the final one: the payload as one prefix with its packed bytes untouched, then
 * METADATA, WHEEL, the farm's SBOM and RECORD. Equal input gives equal bytes. One pass over the file. The audit ran in
 * the box of strangers' code: what must hold of every wheel is judged here again.
 * @errors FARM_WHEEL_NAME, FARM_WHEEL_VERSION, FARM_WHEEL_TAG, FARM_WHEEL_BROKEN, FARM_AUDIT_*
 */
export async function describeWheel(order: DescribeOrder): Promise<Result<DescribedWheel, WheelFault>> {
  const file = order.filename ?? basename(order.wheelPath);
  const source = await fileSource(order.wheelPath);
  try {
    const archive = await openZip(source, order.limits ?? archiveLimits);
    const wheel = await readTexts(file, archive);
    if (!wheel.ok) return wheel;
    const checked = checkIdentity(file, wheel.value.distInfo, wheel.value, order.expected);
    if (!checked.ok) return checked;
    const licences = checkLicenceFiles(checked.value, archive.entries.map((entry) => entry.name));
    return licences.ok ? await writeOrRemove(order, archive, wheel.value, checked.value) : licences;
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why: error.message } });
  } finally {
    await source.close();
  }
}

/** The deciding files of a wheel as text. @errors FARM_WHEEL_BROKEN; throws ArchiveRefused */
export async function readTexts(
  file: string, archive: ZipArchive,
): Promise<Result<WheelTexts & { distInfo: string }, WheelFault>> {
  const folder = findDistInfo(file, archive.entries.map((entry) => entry.name));
  if (!folder.ok) return folder;
  const texts: string[] = [];
  for (const name of ['METADATA', 'WHEEL', 'RECORD']) {
    const entry = archive.entries.find((one) => one.name === `${folder.value}/${name}`);
    if (entry === undefined) {
      return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why: `${folder.value}/${name} is missing` } });
    }
    const text = (await readMember(archive, entry, textBytesMax)).toString('utf8');
    if (text.includes('\uFFFD')) throw new ArchiveRefused('corrupt', 'it is not UTF-8', entry.name);
    texts.push(text);
  }
  const [metadata = '', wheel = '', record = ''] = texts;
  return ok({ distInfo: folder.value, metadata, wheel, record });
}

async function writeOrRemove(
  order: DescribeOrder, archive: ZipArchive, texts: WheelTexts, checked: CheckedWheel,
): Promise<Result<DescribedWheel, WheelFault>> {
  const writer = await createZip(order.outPath, order.small);
  let written: Result<DescribedWheel, WheelFault> | null = null;
  try {
    written = await writeFinal(order, archive, texts, checked, writer);
    return written;
  } finally {
    if (written === null || !written.ok) await writer.abandon();
  }
}

async function writeFinal(
  order: DescribeOrder, archive: ZipArchive, texts: WheelTexts, checked: CheckedWheel, writer: ZipWriter,
): Promise<Result<DescribedWheel, WheelFault>> {
  const file = order.filename ?? basename(order.wheelPath);
  const copied = await copyPayload(archive, { ...order, file, checked }, writer);
  if (!copied.ok) return copied;
  const { members, binaries } = copied.value;
  const payload = { payloadBytes: writer.offset() };
  const others = await scanOthers(archive, checked.distInfo);
  const record = checkRecord(file, texts.record, [...members, ...others]);
  if (!record.ok) return record;
  const filename = withBuildTag(checked, order.buildTag);
  const sbom = order.sbom({ checked, members, binaries });
  const wheel = wheelText(texts.wheel, order.buildTag);
  await writeTail(writer, checked.distInfo, order.sourceDateEpoch, {
    members, texts: [['METADATA', texts.metadata], ['WHEEL', wheel], [farmSbomPath, sbom]],
  });
  const { sha256, bytes, whole } = await writer.finish();
  return ok({
    filename, sha256, bytes, whole, ...payload, binaries,
    metadata: texts.metadata, metadataSha256: sha256Of(texts.metadata),
    requiresPython: checked.core.requiresPython, requiresDist: checked.core.requiresDist,
    grafted: binaries.filter((one) => one.grafted), members: members.length + 4,
  });
}

async function copyPayload(
  archive: ZipArchive,
  { file, checked, sourceDateEpoch: epoch, expected, floor }:
  Pick<DescribeOrder, 'sourceDateEpoch' | 'expected' | 'floor'> & { readonly file: string; readonly checked: CheckedWheel },
  writer: ZipWriter,
): Promise<Result<{ members: MemberDigest[]; binaries: Binary[] }, WheelFault>> {
  const { distInfo } = checked;
  const members: MemberDigest[] = [];
  const found: FoundBinary[] = [];
  const payload = archive.entries.filter((entry) => isPayload(entry.name, distInfo)).toSorted(payloadOrder(distInfo));
  for (const entry of payload) {
    await writer.begin({ ...entry, modified: Math.min(entry.modified, epoch) });
    const { sha256, head } = await scanMember(archive, entry, writer.write);
    const member = { path: entry.name, sha256, size: entry.bytes };
    members.push(member);
    const kind = binaryKind(head, entry.name);
    if (kind !== null) found.push({ binary: { ...member, kind, grafted: isGrafted(entry.name) }, entry });
    if (entry.bytes === 0 && /\.(?:so|pyd|dylib|dll)$/i.test(entry.name)) {
      return err({ code: 'FARM_AUDIT_BROKEN', words: { member: entry.name, why: 'it is empty' } });
    }
  }
  const fault = await judgeBinaries(archive, found, { file, checked, targetId: expected.targetId, floor: floor ?? null });
  if (fault !== null) return err(fault);
  return ok({ members, binaries: found.map(({ binary }) => binary) });
}

type FoundBinary = { readonly binary: Binary; readonly entry: ZipEntry };

/** Largest shared object that is read whole. @unit bytes */
const binaryBytesMax = 1024 * 2 ** 20;

/**
 * Every shared object must be for the target, and a wheel that has one must not say that it fits every platform.
 * Programs for Windows are left out: launchers are data of pure wheels.
 */
async function judgeBinaries(
  archive: ZipArchive, found: readonly FoundBinary[],
  { file, checked, targetId, floor }:
  { readonly file: string; readonly checked: CheckedWheel; readonly targetId: string | undefined; readonly floor: string | null },
): Promise<WheelFault | null> {
  const judged = found.filter(({ binary: { path } }) => !/\.exe$/i.test(path));
  if (targetId === undefined || judged.length === 0) return null;
  if (isPure(checked.filename.tags)) return { code: 'FARM_WHEEL_TAG', words: { file, target: targetId } };
  const companions = new Set(judged.map(({ binary: { path } }) => path.slice(path.lastIndexOf('/') + 1).toLowerCase()));
  for (const { entry, binary: { kind } } of judged) {
    const bytes = await readMember(archive, entry, binaryBytesMax);
    const fault = auditBinary({
      targetId, floor, tags: checked.filename.tags, member: entry.name, format: kind, companions, digest: digestOf,
    }, bytes);
    if (fault !== null) return fault;
  }
  return null;
}

const digestOf = (algorithm: 1 | 2, bytes: Uint8Array): Uint8Array =>
  createHash(algorithm === 1 ? 'sha1' : 'sha256').update(bytes).digest();

async function scanOthers(archive: ZipArchive, distInfo: string): Promise<MemberDigest[]> {
  const digests: MemberDigest[] = [];
  for (const entry of archive.entries.filter((one) => !isPayload(one.name, distInfo))) {
    digests.push({ path: entry.name, sha256: (await scanMember(archive, entry)).sha256, size: entry.bytes });
  }
  return digests;
}

/** Adds the texts and the RECORD of everything. */
async function writeTail(
  writer: ZipWriter, distInfo: string, epoch: number,
  content: { members: readonly MemberDigest[]; texts: readonly (readonly [string, string])[] },
): Promise<void> {
  const digests = [...content.members];
  for (const [name, text] of content.texts) {
    const bytes = Buffer.from(text, 'utf8');
    const path = `${distInfo}/${name}`;
    await writer.add(newMember(path, bytes, epoch));
    digests.push({ path, sha256: sha256Of(text), size: bytes.length });
  }
  const own = `${distInfo}/RECORD`;
  const record = printRecord([...digests.map(recordEntry), { path: own, hash: '', size: null }]);
  await writer.add(newMember(own, Buffer.from(record, 'utf8'), epoch));
}

function wheelText(text: string, buildTag: number | undefined): string {
  if (buildTag === undefined) return text;
  const parsed = parseMetadata(text);
  return parsed.ok ? printMetadata(withField(parsed.value, 'Build', [String(buildTag)])) : text;
}

function withBuildTag(checked: CheckedWheel, buildTag: number | undefined): string {
  const build = buildTag === undefined ? checked.filename.build : { number: buildTag, rest: '' };
  return printWheelFilename({ ...checked.filename, build });
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Kind of a shared object or program by its first bytes, or null. */
export function binaryKind(head: Buffer, path: string): BinaryKind | null {
  if (head.length < 16) return null;
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) return 'elf';
  if ([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe].includes(magic)) return 'mach-o';
  // Java classes start with the same four bytes as fat Mach-O files; a fat file has few architectures.
  if (magic === 0xcafebabe && head.readUInt32BE(4) < 32) return 'mach-o';
  return head.toString('latin1', 0, 2) === 'MZ' && /\.(pyd|dll|exe|so)$/i.test(path) ? 'pe' : null;
}

/** Whether a member lies where auditwheel, delvewheel (`*.libs`) or delocate (`.dylibs`) put libraries. */
export function isGrafted(path: string): boolean {
  return /^[^/]+\.libs\//.test(path) || /(^|\/)\.dylibs\//.test(path);
}
