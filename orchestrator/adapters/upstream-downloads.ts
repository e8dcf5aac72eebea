import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import type { OpenDownload } from '../index-ports.ts';
import type { BlobStore, UpstreamFileView } from '../ports.ts';
import { asUnreachable, type UpstreamHttp } from './upstream-http.ts';

/** Bytes that readers get only after the digest was checked. A smaller file comes all at once. */
const heldBackBytes = 64 * 1024;
const readBytes = 256 * 1024;

export interface Downloads {
  /** Resolves when the file is in the blob store. @errors FARM_DIGEST_MISMATCH, FARM_UPSTREAM_UNREACHABLE, FARM_TOO_LARGE */
  whole(file: UpstreamFileView): Promise<{ sha256: string; bytes: number }>;
  /** Follows a download from its first byte; starts it where nobody has. @errors as `whole`, before the first byte */
  follow(file: UpstreamFileView): Promise<OpenDownload>;
}

/** A download that goes into a file on this machine; readers follow the file. */
interface Spool {
  readonly path: string;
  /** Resolves with the length that upstream promised (null where it did not) when the answer has begun. */
  readonly begun: Promise<number | null>;
  readonly done: Promise<{ sha256: string; bytes: number }>;
  written: number;
  state: 'open' | 'good' | 'bad';
  wake: () => void;
  changed: Promise<void>;
}

/** Downloads of upstream files, one for a digest at a time. @shape folder: for files on their way, on the blobs' disk */
export function upstreamDownloads(parts: DownloadParts): Downloads {
  const spools = new Map<string, Spool>();
  const spoolOf = (file: UpstreamFileView): Spool => {
    const known = spools.get(file.sha256);
    if (known) return known;
    // Forgotten before readers hear of the end, so that whoever asks then asks anew.
    const spool = startSpool(parts, file, () => { spools.delete(file.sha256); });
    spools.set(file.sha256, spool);
    return spool;
  };
  return {
    whole: (file) => spoolOf(file).done,
    async follow(file) {
      const spool = spoolOf(file);
      const bytes = await spool.begun;
      const handle = await open(spool.path, 'r').catch(() => null);
      if (handle === null) {   // it ended in this moment
        const kept = await spool.done;
        return { stream: await parts.blobs.stream(kept.sha256), bytes: kept.bytes };
      }
      const stream = Readable.from(readSpool(spool, handle), { objectMode: false, highWaterMark: readBytes });
      stream.once('close', () => { void handle.close().catch(() => undefined); });
      return { stream, bytes };
    },
  };
}

interface DownloadParts { readonly http: UpstreamHttp; readonly blobs: BlobStore; readonly folder: string }

function startSpool(parts: DownloadParts, file: UpstreamFileView, ended: () => void): Spool {
  const begun = Promise.withResolvers<number | null>();
  const { promise: changed, resolve: wake } = Promise.withResolvers<void>();
  const spool: Spool = {
    path: join(parts.folder, `${file.sha256}.${randomUUID()}`), begun: begun.promise, written: 0, state: 'open',
    wake, changed, done: Promise.resolve({ sha256: file.sha256, bytes: 0 }),
  };
  const finish = async (): Promise<{ sha256: string; bytes: number }> => {
    try {
      // Whoever looked into the store just before another download ended comes here just after it.
      if (await parts.blobs.has(file.sha256)) {
        const bytes = await parts.blobs.size(file.sha256);
        begun.resolve(bytes);
        return { sha256: file.sha256, bytes };
      }
      await mkdir(parts.folder, { recursive: true });
      const sha256 = await asUnreachable(() => receive(parts.http, { file, spool, begun: begun.resolve }));
      if (sha256 !== file.sha256) {
        fail('FARM_DIGEST_MISMATCH', 'fetch', { file: file.filename, found: sha256, expected: file.sha256 });
      }
      const stored = await parts.blobs.putFile(spool.path, { sha256, trusted: { bytes: spool.written } });
      spool.state = 'good';
      return stored;
    } catch (error) {
      spool.state = 'bad';
      begun.reject(error);
      throw error;
    } finally {
      ended();
      signal(spool);
      // Readers that have the file open go on reading it.
      await rm(spool.path, { force: true });
    }
  };
  const done = finish();
  // Both are told to whoever waits; with nobody waiting the failure is nobody's.
  begun.promise.catch(() => undefined);
  done.catch(() => undefined);
  return Object.assign(spool, { done });
}

/** Writes the answer into the spool; gives the digest of what came. */
async function receive(
  http: UpstreamHttp, into: { file: UpstreamFileView; spool: Spool; begun: (bytes: number | null) => void },
): Promise<string> {
  const { file, spool } = into;
  const response = await http.get(file.url, { 'accept-encoding': 'identity' });
  if (!response.ok) {
    await response.body?.cancel();
    fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: `${file.filename}: HTTP ${response.status}` });
  }
  const said = response.headers.get('content-encoding') === null ? response.headers.get('content-length') : null;
  const hash = createHash('sha256');
  const handle = await open(spool.path, 'wx');
  try {
    into.begun(said === null ? file.bytes : Number(said));
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array;
      if (spool.written + bytes.length > limits.wheelBytesMax) {
        fail('FARM_TOO_LARGE', 'fetch', { limit: `${limits.wheelBytesMax} bytes` });
      }
      hash.update(bytes);
      await handle.writeFile(bytes);
      spool.written += bytes.length;
      signal(spool);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

function signal(spool: Spool): void {
  const { wake } = spool;
  const next = Promise.withResolvers<void>();
  spool.changed = next.promise;
  spool.wake = next.resolve;
  wake();
}

/** What is safe to hand on, as it grows; throws where the download went wrong, which breaks the reader's transfer. */
async function* readSpool(spool: Spool, handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ;) {
    const { changed, state } = spool;
    const safe = state === 'good' ? spool.written : spool.written - heldBackBytes;
    if (state === 'bad') return fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: 'the download broke off' });
    if (at < safe) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(Math.min(readBytes, safe - at)), { position: at });
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    } else if (state === 'good') return;
    else await changed;
  }
}
