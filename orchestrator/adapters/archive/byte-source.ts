import { readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { ArchiveRefused } from './limits.ts';

/** Bytes with random access. `read` gives exactly `length` bytes. @errors truncated */
export type ByteSource = {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
};

const wholeFileBytesMax = 4 * 2 ** 20;
/** Read on this thread: handing so little to another one costs more than the reading. */
const atOnceBytesMax = 64 * 1024;

/** Opens a file; small ones are read at once, larger ones by position. Close it. */
export async function fileSource(path: string): Promise<ByteSource> {
  if (statSync(path).size <= atOnceBytesMax) return bufferSource(readFileSync(path));
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size <= wholeFileBytesMax) {
      const bytes = await handle.readFile();
      await handle.close();
      return bufferSource(bytes);
    }
    return {
      size,
      async read(offset, length) {
        const bytes = Buffer.allocUnsafe(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) throw new ArchiveRefused('truncated', 'the file ends too early');
          done += bytesRead;
        }
        return bytes;
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Bytes in memory as a source. */
export function bufferSource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset + length > bytes.length) throw new ArchiveRefused('truncated', 'the file ends too early');
      return bytes.subarray(offset, offset + length);
    },
    async close() { /* nothing is held */ },
  };
}
