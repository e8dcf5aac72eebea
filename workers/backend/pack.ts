/** Files on their way into a box: one tar stream. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import type { PutFile } from './types.ts';

/** 1980-01-01: the oldest time that a zip can hold; the same for every box, so that builds repeat. */
const packedAt = new Date(315_532_800_000);

/** Writes the files as tar to `to` and ends it; a failure destroys it with the error. */
export function packFiles(files: readonly PutFile[], to: Writable): void {
  const pack = tar.pack();
  pack.pipe(to);
  fillPack(pack, files).then(() => pack.finalize(), (error: Error) => {
    pack.destroy();
    to.destroy(error);
  });
}

async function fillPack(pack: tar.Pack, files: readonly PutFile[]): Promise<void> {
  for (const { path, bytes, mode = 0o644 } of files) {
    const header = { name: path.replace(/^\/+/, ''), mode, mtime: packedAt, type: 'file' as const };
    if (bytes instanceof Uint8Array) {
      pack.entry(header, Buffer.from(bytes));
    } else if ('file' in bytes) {
      const { size } = await stat(bytes.file);
      await pipeline(createReadStream(bytes.file), pack.entry({ ...header, size }));
    } else {
      const parts: Buffer[] = [];
      for await (const part of bytes) parts.push(Buffer.from(part));
      pack.entry(header, Buffer.concat(parts));
    }
  }
}
