import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { distInfoFolder, printWheelFilename } from '../../domain/filename.ts';
import { parseMetadata, printMetadata, withField } from '../../domain/metadata.ts';
import type { Metadata } from '../../domain/metadata.ts';
import { parseRecord } from '../../domain/record.ts';
import type { MemberDigest } from '../../domain/record.ts';
import { err, ok } from '../../domain/result.ts';
import type { Result } from '../../domain/result.ts';
import { checkIdentity } from '../../domain/wheel-check.ts';
import type { CheckedWheel, ExpectedWheel, WheelFault, WheelTexts } from '../../domain/wheel-check.ts';
import { farmSbomPath, isPayload, placedBytes } from '../../domain/zip-layout.ts';
import type { ZipMember } from '../../domain/zip-layout.ts';
import { fileSource } from './byte-source.ts';
import { payloadDigest, readTexts, writeTail } from './describe.ts';
import { ArchiveRefused, archiveLimits } from './limits.ts';
import type { ArchiveLimits } from './limits.ts';
import { openZip, rawChunks, readMember } from './zip-read.ts';
import type { ZipArchive, ZipEntry } from './zip-read.ts';
import { createZip } from './zip-write.ts';
import type { ZipWriter } from './zip-write.ts';

/**
 * How an edit reaches users: under the same version with a build tag, or as another version. Another version needs its
 * own SBOM, because the SBOM names the version.
 */
export type SpliceDelivery =
  | { readonly kind: 'respin'; readonly buildTag: number }
  | { readonly kind: 'post'; readonly version: string; readonly sbom: string };

export type SpliceOrder = {
  readonly wheelPath: string;
  /** Published name; the base name of `wheelPath` where absent. */
  readonly filename?: string;
  /** File to write; must not exist. */
  readonly outPath: string;
  readonly expected: ExpectedWheel;
  /** Changes METADATA; name and version are set by the delivery afterwards. */
  readonly edit: (metadata: Metadata) => Metadata;
  readonly delivery: SpliceDelivery;
  /** @unit seconds since 1970: time of the new members */
  readonly sourceDateEpoch: number;
  readonly limits?: ArchiveLimits;
};

/** The edited wheel. `keptBytes` are the first bytes of the original, byte for byte; 0 where it had to be rewritten. */
export type SplicedWheel = {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly metadata: string;
  readonly metadataSha256: string;
  readonly payloadBytes: number;
  readonly payloadSha256: string;
  readonly keptBytes: number;
};

const sbomBytesMax = 32 * 2 ** 20;

/**
 * Writes a wheel with other metadata and the same payload: packed bytes are copied, nothing is unpacked or compiled.
 * Hashes of payload members are taken from RECORD, which was checked when the wheel was described.
 * @errors FARM_WHEEL_NAME, FARM_WHEEL_VERSION, FARM_WHEEL_TAG, FARM_WHEEL_BROKEN
 */
export async function spliceWheel(order: SpliceOrder): Promise<Result<SplicedWheel, WheelFault>> {
  const file = order.filename ?? basename(order.wheelPath);
  const source = await fileSource(order.wheelPath);
  try {
    const archive = await openZip(source, order.limits ?? archiveLimits);
    const texts = await readTexts(file, archive);
    if (!texts.ok) return texts;
    const checked = checkIdentity(file, texts.value.distInfo, texts.value, order.expected);
    return checked.ok ? ok(await writeSpliced(order, archive, texts.value, checked.value)) : checked;
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why: error.message } });
  } finally {
    await source.close();
  }
}

async function writeSpliced(
  order: SpliceOrder, archive: ZipArchive, texts: WheelTexts, checked: CheckedWheel,
): Promise<SplicedWheel> {
  const { distInfo } = checked;
  const payload = archive.entries.filter((entry) => isPayload(entry.name, distInfo));
  const rename = renamer(order, checked);
  const members = digestsOf(texts.record, payload).map((one) => ({ ...one, path: rename(one.path) }));
  const sbom = order.delivery.kind === 'post' ? order.delivery.sbom : await ownSbom(archive, distInfo);
  const edited = editTexts(order, texts);
  const writer = await createZip(order.outPath);
  let finished = false;
  try {
    const keptBytes = await copyPayload(archive, payload, rename, writer);
    const payloadBytes = writer.offset();
    await writeTail(writer, rename(`${distInfo}/`).slice(0, -1), order.sourceDateEpoch, {
      members,
      texts: [['METADATA', edited.metadata], ['WHEEL', edited.wheel], ...(sbom === null ? [] : [[farmSbomPath, sbom] as const])],
    });
    const { sha256, bytes } = await writer.finish();
    finished = true;
    const metadataSha256 = createHash('sha256').update(edited.metadata, 'utf8').digest('hex');
    return {
      filename: newFilename(order, checked), sha256, bytes, metadata: edited.metadata, metadataSha256,
      payloadBytes, payloadSha256: payloadDigest(members), keptBytes,
    };
  } finally {
    if (!finished) await writer.abandon();
  }
}

/** Under another version the two folders that carry it are renamed. */
function renamer(order: SpliceOrder, checked: CheckedWheel): (path: string) => string {
  if (order.delivery.kind === 'respin') return (path) => path;
  const stem = checked.distInfo.replace(/\.dist-info$/, '');
  const fresh = distInfoFolder({ name: checked.core.name, version: order.delivery.version }).replace(/\.dist-info$/, '');
  const folders = [`${stem}.dist-info/`, `${stem}.data/`];
  return (path) => (folders.some((folder) => path.startsWith(folder)) ? fresh + path.slice(stem.length) : path);
}

function digestsOf(record: string, payload: readonly ZipEntry[]): MemberDigest[] {
  const entries = parseRecord(record);
  const listed = new Map(entries.ok ? entries.value.map((entry) => [entry.path, entry.hash]) : []);
  return payload.map((entry) => {
    const hash = /^sha256=([A-Za-z0-9_-]{43})$/.exec(listed.get(entry.name) ?? '')?.[1];
    if (hash === undefined) throw new ArchiveRefused('corrupt', 'RECORD has no SHA-256 of it', entry.name);
    return { path: entry.name, sha256: Buffer.from(hash, 'base64url').toString('hex'), size: entry.bytes };
  });
}

async function ownSbom(archive: ZipArchive, distInfo: string): Promise<string | null> {
  const entry = archive.entries.find((one) => one.name === `${distInfo}/${farmSbomPath}`);
  return entry === undefined ? null : (await readMember(archive, entry, sbomBytesMax)).toString('utf8');
}

function editTexts(order: SpliceOrder, texts: WheelTexts): { metadata: string; wheel: string } {
  const [metadata, wheel] = [parseMetadata(texts.metadata), parseMetadata(texts.wheel)];
  if (!metadata.ok || !wheel.ok) throw new ArchiveRefused('corrupt', 'its metadata cannot be read');
  const kept = ['Name', 'Version'].map((name) => [name, metadata.value.fields.find((field) => field.name === name)] as const);
  let edited = order.edit(metadata.value);
  for (const [name, field] of kept) if (field !== undefined) edited = withField(edited, name, [field.value]);
  if (order.delivery.kind === 'post') {
    return { metadata: printMetadata(withField(edited, 'Version', [order.delivery.version])), wheel: texts.wheel };
  }
  const build = [String(order.delivery.buildTag)];
  return { metadata: printMetadata(edited), wheel: printMetadata(withField(wheel.value, 'Build', build)) };
}

function newFilename(order: SpliceOrder, { filename }: CheckedWheel): string {
  return order.delivery.kind === 'post'
    ? printWheelFilename({ ...filename, version: order.delivery.version })
    : printWheelFilename({ ...filename, build: { number: order.delivery.buildTag, rest: '' } });
}

/** Copies packed members; a payload that is one prefix in our own layout is copied as it lies. Returns the bytes kept. */
async function copyPayload(
  archive: ZipArchive, payload: readonly ZipEntry[], rename: (path: string) => string, writer: ZipWriter,
): Promise<number> {
  const renamed = payload.some((entry) => rename(entry.name) !== entry.name);
  const length = renamed ? 0 : prefixBytes(payload);
  if (length > 0) {
    writer.adopt(payload.map((entry) => ({ member: entry, offset: entry.headerOffset })));
    for (let done = 0; done < length;) {
      const chunk = await archive.source.read(done, Math.min(2 ** 20, length - done));
      await writer.write(chunk);
      done += chunk.length;
    }
    return length;
  }
  for (const entry of payload) {
    const name = rename(entry.name);
    const member: ZipMember = { ...entry, name, nameBytes: new TextEncoder().encode(name) };
    await writer.begin(member);
    for await (const chunk of rawChunks(archive, entry)) await writer.write(chunk);
  }
  return 0;
}

/** Length of the payload where it starts the file without gaps, extra fields and data descriptors; else 0. */
function prefixBytes(payload: readonly ZipEntry[]): number {
  let position = 0;
  for (const entry of payload) {
    if (entry.headerOffset !== position || entry.dataDescriptor) return 0;
    position += placedBytes(entry);
    if (entry.dataOffset + entry.compressedBytes !== position) return 0;
  }
  return position;
}
