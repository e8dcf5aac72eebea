import { createHash } from 'node:crypto';
import { checkLicence, type LicenceText } from '../domain/edit-licence.ts';
import { editRelease, type EditGroup } from '../domain/edit-release.ts';
import type { EditFault, EditOperation, FieldDiff } from '../domain/edit.ts';
import { fail } from '../domain/failure.ts';
import { withVersion } from '../domain/sbom.ts';
import type { BlobStore } from '../ports.ts';
import { fileSource } from './archive/byte-source.ts';
import { membersWithVersion } from './archive/old-version.ts';
import { openWheel, reopenWheel, sbomText, type OpenedWheel, type StoredPayload } from './archive/payload.ts';
import { postWheel, respinWheel, type VirtualWheel } from './archive/respin.ts';
import { readSdist } from './archive/sdist.ts';
import { draftSdist, type DraftSdist } from './edits-sdist.ts';
import { readMember } from './archive/zip-read.ts';
import { ArchiveRefused } from './archive/limits.ts';
import { composedBlobs } from './blobs-composed.ts';
import { asJson, type Database } from './prisma/database.ts';

/** A published wheel that an edit changes. `base` is the file whose bytes hold its payload: itself, or what it was made of. */
export interface SourceWheel {
  readonly filename: string;
  readonly sha256: string;
  readonly metadataSha256: string | null;
  readonly requiresPython: string | null;
  readonly base: { readonly filename: string; readonly sha256: string };
}

/** Everything that the new wheels depend on: equal orders give equal bytes. */
export interface DraftOrder {
  readonly project: string;
  readonly version: string;
  /** Of a respin. */
  readonly buildTag: number;
  /** The post-release that it is delivered as; null for a respin. */
  readonly toVersion: string | null;
  /** Time of the new members. @unit seconds since 1970 */
  readonly sourceDateEpoch: number;
  readonly operations: readonly EditOperation[];
  readonly wheels: readonly SourceWheel[];
  readonly sdist: { readonly filename: string; readonly sha256: string } | null;
}

export interface DraftWheel {
  readonly source: SourceWheel;
  readonly wheel: VirtualWheel;
  readonly changes: readonly FieldDiff[];
}

export interface Draft {
  readonly wheels: readonly DraftWheel[];
  readonly groups: readonly EditGroup[];
  readonly secondApproval: boolean;
  readonly remarks: readonly string[];
  /** Of a post-release whose original has an sdist; null for any other. */
  readonly sdist: DraftSdist | null;
}

export interface DraftPorts { readonly blobs: BlobStore; readonly database: Database }

const licenceBytesMax = 2 ** 20;
const licenceName = /(^|\/)(licenses\/|LICEN[CS]E|COPYING)/i;

/**
 * Makes every wheel of an edit in memory: new METADATA, WHEEL and RECORD behind the payload, and the digest of the whole.
 * A payload is read once; what is kept of it (table `wheel_payload`) says only what a published file is.
 * @errors FARM_EDIT_*, FARM_WHEEL_*
 */
export async function draftEdit(ports: DraftPorts, order: DraftOrder): Promise<Draft> {
  const before = await Promise.all(order.wheels.map(async ({ filename, metadataSha256 }) => ({
    filename, metadata: await metadataOf(ports.blobs, filename, metadataSha256),
  })));
  // Under a respin the sdist stays, and what it says to the edit is told; under a post-release it is patched.
  const pkgInfo = order.toVersion === null ? await pkgInfoOf(ports.blobs, order.sdist) : null;
  const edited = editRelease(before, order.operations, pkgInfo);
  if (!edited.ok) return refuse(edited.error);
  const wheels: DraftWheel[] = [];
  const remarks = new Set(edited.value.remarks);
  for (const [place, { metadata, changes }] of edited.value.wheels.entries()) {
    const source = order.wheels[place];
    if (source === undefined) continue;
    await withWheel(ports, order, source, async (opened) => {
      const licence = checkLicence(metadata, changes, touchesLicence(changes) ? await licencesOf(opened) : []);
      if (!licence.ok) refuse(licence.error);
      else for (const remark of [...licence.value, ...opened.notes]) remarks.add(remark);
      for (const remark of await oldVersionRemarks(opened, order)) remarks.add(remark);
      wheels.push({ source, changes, wheel: await delivered(opened, order, metadata) });
    });
  }
  const { toVersion } = order;
  const sdist = toVersion === null || order.sdist === null ? null
    : await draftSdist(ports.blobs, order.sdist, { ...order, toVersion, wheels: edited.value.wheels });
  const { groups, secondApproval } = edited.value;
  return { wheels, sdist, groups, secondApproval, remarks: [...remarks] };
}

function delivered(opened: OpenedWheel, order: DraftOrder, metadata: string): VirtualWheel | Promise<VirtualWheel> {
  return order.toVersion === null ? respinWheel(opened, { ...order, metadata }) : postOf(opened, { ...order, metadata, version: order.toVersion });
}

/** The post-release of an opened wheel, its SBOM under the new version. */
async function postOf(
  opened: OpenedWheel, { metadata, version, sourceDateEpoch }: { readonly metadata: string; readonly version: string; readonly sourceDateEpoch: number },
): Promise<VirtualWheel> {
  const { name, version: from } = opened.checked.core;
  const old = await sbomText(opened);
  const sbom = old === null ? null : withVersion(old, { name, from, to: version }, (text) => createHash('sha256').update(text).digest('hex'));
  return postWheel(opened, { metadata, version, sbom, sourceDateEpoch });
}

/** What keeps saying the old version under a post-release, because no member is changed. */
async function oldVersionRemarks(opened: OpenedWheel, { toVersion, version }: DraftOrder): Promise<string[]> {
  if (toVersion === null) return [];
  const members = await membersWithVersion(opened);
  return members.length === 0 ? [] : [`these members go on saying ${version}, because an edit changes none: ${members.join(', ')}`];
}

/** Turns a refusal of the pure rules into one with a card. */
export function refuse({ code, words }: EditFault): never {
  const { file, why } = words;
  return fail(code, 'publish', file === undefined || why === undefined ? words : { ...words, why: `${file}: ${why}` });
}

async function metadataOf(blobs: BlobStore, filename: string, sha256: string | null): Promise<string> {
  if (sha256 === null) return fail('FARM_EDIT_METADATA', 'publish', { why: `none was kept of ${filename}` });
  return Buffer.from(await blobs.bytes(sha256)).toString('utf8');
}

/** PKG-INFO of the release's sdist; an sdist that cannot be read says nothing. */
async function pkgInfoOf(blobs: BlobStore, sdist: DraftOrder['sdist']): Promise<string | null> {
  if (sdist === null) return null;
  const read = await readSdist(await blobs.path(sdist.sha256), sdist.filename);
  return read.ok ? read.value.pkgInfo : null;
}

const touchesLicence = (changes: readonly FieldDiff[]): boolean =>
  changes.some(({ field, risk }) => risk === 'licence' || field === 'Classifier');

async function licencesOf({ archive, checked }: OpenedWheel): Promise<LicenceText[]> {
  const entries = archive.entries.filter(({ name }) =>
    name.startsWith(`${checked.distInfo}/`) && licenceName.test(name.slice(checked.distInfo.length)));
  return Promise.all(entries.map(async (entry) => ({
    path: entry.name, text: (await readMember(archive, entry, licenceBytesMax)).toString('utf8'),
  })));
}

/** A post-release that is edited again is written whole once: ranges of ranges would make reading slower with every edit. */
async function wholePath({ blobs, database }: DraftPorts, sha256: string): Promise<string> {
  if (!await blobs.has(sha256)) await blobs.put(await composedBlobs(blobs, database.pool).stream(sha256) as AsyncIterable<Uint8Array>, { sha256 });
  return blobs.path(sha256);
}

/** Opens the file that holds a wheel's payload, by what is kept of it or by reading it whole, and closes it again. */
async function withWheel(
  ports: DraftPorts, order: DraftOrder, { base }: SourceWheel,
  use: (opened: OpenedWheel) => Promise<void>,
): Promise<void> {
  const { database: { prisma } } = ports;
  const source = await fileSource(await wholePath(ports, base.sha256));
  try {
    const open = {
      source, filename: base.filename, sha256: base.sha256, expected: { name: order.project, version: order.version },
    };
    const kept = await prisma.wheelPayload.findUnique({ where: { ofSha256: base.sha256 } });
    const again = kept ? await reopenWheel(open, kept.stored as unknown as StoredPayload) : null;
    const opened = again?.ok ? again : await openWheel(open);
    if (!opened.ok) return fail(opened.error.code, 'publish', { ...opened.error.words, version: order.version });
    if (!again?.ok) {
      const stored = asJson(opened.value.stored);
      await prisma.wheelPayload.upsert({
        where: { ofSha256: base.sha256 }, create: { ofSha256: base.sha256, stored }, update: { stored },
      });
    }
    await use(opened.value);
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    fail('FARM_WHEEL_BROKEN', 'publish', { file: base.filename, why: error.message });
  } finally {
    await source.close();
  }
}
