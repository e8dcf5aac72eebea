import { fail } from '../domain/failure.ts';
import { parseMetadata, readCoreMetadata } from '../domain/metadata.ts';
import type { BlobStore } from '../ports.ts';
import { fileSource } from './archive/byte-source.ts';
import { readTexts } from './archive/describe.ts';
import { ArchiveRefused, archiveLimits } from './archive/limits.ts';
import { openWheel } from './archive/payload.ts';
import { readSdist } from './archive/sdist.ts';
import { openZip } from './archive/zip-read.ts';
import type { ImportFile } from './prisma/client/client.ts';
import { asJson, type Database } from './prisma/database.ts';

/** What a fetched file says of itself. @shape oddity: why the wheel cannot be edited; null where it can */
export interface ReadFile { readonly metadataSha256: string | null; readonly requiresPython: string | null; readonly oddity: string | null }

interface Order { readonly project: string; readonly version: string; readonly file: ImportFile }

/**
 * Reads a fetched file whole: a wheel's METADATA must be what upstream serves as its metadata, because installers decide
 * by that one. The payload's state is kept, so that the first edit need not read the wheel again. A wheel that is odd in
 * another way is imported as it is; it cannot be edited, and that is said.
 * @errors FARM_IMPORT_FILE, FARM_SDIST_*
 */
export async function readImportedFile(ports: { readonly blobs: BlobStore; readonly database: Database }, order: Order): Promise<ReadFile> {
  const { file } = order;
  const path = await ports.blobs.path(file.sha256);
  if (file.kind === 'sdist') {
    const read = await readSdist(path, file.filename);
    // An sdist that this reader refuses may still be one that installers take: it is not built here.
    return { metadataSha256: null, requiresPython: file.requiresPython ?? (read.ok ? read.value.core.requiresPython : null), oddity: null };
  }
  const metadata = await metadataOf(path, file);
  const kept = await ports.blobs.put(Buffer.from(metadata, 'utf8'));
  if (file.metadataSha256 !== null && file.metadataSha256 !== kept.sha256) {
    fail('FARM_IMPORT_FILE', 'fetch', { file: file.filename, why: `its METADATA has digest ${kept.sha256}, upstream serves ${file.metadataSha256}` });
  }
  return { metadataSha256: kept.sha256, requiresPython: requiresPythonOf(metadata) ?? file.requiresPython, oddity: await prepare(ports, path, order) };
}

/** @errors FARM_IMPORT_FILE where it is no readable zip with one METADATA */
async function metadataOf(path: string, { filename }: ImportFile): Promise<string> {
  const source = await fileSource(path);
  try {
    const texts = await readTexts(filename, await openZip(source, archiveLimits));
    return texts.ok ? texts.value.metadata : fail('FARM_IMPORT_FILE', 'fetch', { file: filename, why: texts.error.words['why'] ?? texts.error.code });
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    return fail('FARM_IMPORT_FILE', 'fetch', { file: filename, why: error.message });
  } finally {
    await source.close();
  }
}

function requiresPythonOf(text: string): string | null {
  const parsed = parseMetadata(text);
  const core = parsed.ok ? readCoreMetadata(parsed.value) : parsed;
  return core.ok ? core.value.requiresPython : null;
}

/** Checks every member against RECORD and keeps the payload's state. @returns why that could not be done, or null */
async function prepare({ database: { prisma } }: { readonly database: Database }, path: string, { project, version, file }: Order): Promise<string | null> {
  const source = await fileSource(path);
  try {
    const opened = await openWheel({ source, filename: file.filename, sha256: file.sha256, expected: { name: project, version } });
    if (!opened.ok) return opened.error.words['why'] ?? opened.error.code;
    const stored = asJson(opened.value.stored);
    await prisma.wheelPayload.upsert({ where: { ofSha256: file.sha256 }, create: { ofSha256: file.sha256, stored }, update: { stored } });
    return null;
  } finally {
    await source.close();
  }
}
