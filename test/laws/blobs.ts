import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../orchestrator/ports.ts';

/** A store to judge. `refer` writes a row that refers to a blob; `untouched` makes a blob look a day old and more. */
export interface StoreUnderTest {
  readonly blobs: BlobStore;
  /** Names of everything that the store keeps, temporary files too. */
  files(): Promise<readonly string[]>;
  refer(sha256: string): Promise<void>;
  untouched(sha256: string): Promise<void>;
  stop(): Promise<void>;
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** The laws of port BlobStore. */
export function blobLaws(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the blob store in ${name}`, () => {
    let store: StoreUnderTest;
    let folder: string;
    beforeAll(async () => {
      store = await open();
      folder = await mkdtemp(join(tmpdir(), 'farm-blobs-'));
    });
    afterAll(async () => {
      await store.stop();
      await rm(folder, { recursive: true, force: true });
    });
    const kept = async (text: string): Promise<string> => (await store.blobs.put(Buffer.from(text))).sha256;

    test('gives back what was put, under its digest, also in parts', async () => {
      const stored = await store.blobs.put(pieces('one ', 'two ', 'three'));
      expect(stored).toEqual({ sha256: sha256Of(Buffer.from('one two three')), bytes: 13 });
      expect(await store.blobs.has(stored.sha256)).toBe(true);
      expect(await store.blobs.size(stored.sha256)).toBe(13);
      expect(Buffer.from(await store.blobs.bytes(stored.sha256)).toString()).toBe('one two three');
      const part: Buffer[] = [];
      for await (const chunk of await store.blobs.stream(stored.sha256, { start: 4, end: 7 })) part.push(chunk as Buffer);
      expect(Buffer.concat(part).toString()).toBe('two');
    });

    test('leaves nothing of an upload with another digest', async () => {
      const before = await store.files();
      const expected = sha256Of(Buffer.from('right'));
      await expect(store.blobs.put(pieces('wrong'), { sha256: expected })).rejects.toMatchObject({ failure: { code: 'FARM_DIGEST_MISMATCH' } });
      expect(await store.blobs.has(expected)).toBe(false);
      expect(await store.blobs.has(sha256Of(Buffer.from('wrong')))).toBe(false);
      expect(await store.files()).toEqual(before);
    });

    test('leaves nothing of an upload over the limit, and stops reading it', async () => {
      const before = await store.files();
      let read = 0;
      async function* endless(): AsyncIterable<Uint8Array> {
        for (; read < 1000; read += 1) yield Buffer.alloc(1024);
      }
      await expect(store.blobs.put(endless(), { bytesMax: 4096 })).rejects.toMatchObject({ failure: { code: 'FARM_TOO_LARGE' } });
      expect(read).toBeLessThan(10);
      expect(await store.files()).toEqual(before);
    });

    test('leaves nothing of an upload that breaks off', async () => {
      const before = await store.files();
      async function* broken(): AsyncIterable<Uint8Array> {
        yield Buffer.from('half');
        throw new Error('the sender is gone');
      }
      await expect(store.blobs.put(broken())).rejects.toThrow('the sender is gone');
      expect(await store.files()).toEqual(before);
    });

    test('keeps one blob of many equal uploads at once', async () => {
      const before = (await store.files()).length;
      const all = await Promise.all(Array.from({ length: 8 }, () => store.blobs.put(pieces('the same'))));
      expect(new Set(all.map((one) => one.sha256)).size).toBe(1);
      expect((await store.files()).length).toBe(before + 1);
    });

    test('takes a file of this machine, and refuses one that is not what was said', async () => {
      const path = join(folder, 'file');
      await writeFile(path, 'from a file');
      const sha256 = sha256Of(Buffer.from('from a file'));
      expect(await store.blobs.putFile(path, { sha256 })).toEqual({ sha256, bytes: 11 });
      expect((await stat(await store.blobs.path(sha256))).size).toBe(11);
      await expect(store.blobs.putFile(path, { sha256: sha256Of(Buffer.from('x')) })).rejects.toMatchObject({ failure: { code: 'FARM_DIGEST_MISMATCH' } });
      await expect(store.blobs.putFile(path, { sha256: 'a'.repeat(64), trusted: { bytes: 12 } })).rejects.toMatchObject({ failure: { code: 'FARM_DIGEST_MISMATCH' } });
      expect((await stat(path)).size).toBe(11);
    });

    test('says FARM_NOT_FOUND for what it has not', async () => {
      const sha256 = 'b'.repeat(64);
      expect(await store.blobs.has(sha256)).toBe(false);
      const { bytes, size, stream, path } = store.blobs;
      for (const ask of [bytes, size, stream, path]) {
        await expect(ask(sha256)).rejects.toMatchObject({ failure: { code: 'FARM_NOT_FOUND' } });
      }
    });

    test('collects only what nothing refers to and nobody touched for a day', async () => {
      const [fresh, referred, old] = [await kept('fresh'), await kept('referred'), await kept('old')];
      await store.refer(referred);
      await store.untouched(referred);
      await store.untouched(old);
      await store.blobs.collect(new Date());
      expect(await Promise.all([fresh, referred, old].map((sha256) => store.blobs.has(sha256)))).toEqual([true, true, false]);
      await expect(store.blobs.bytes(old)).rejects.toMatchObject({ failure: { code: 'FARM_NOT_FOUND' } });
    });

    test('a put while collecting is never lost', async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        const sha256 = await kept(`raced ${turn}`);
        await store.untouched(sha256);
        const [again] = await Promise.all([store.blobs.put(Buffer.from(`raced ${turn}`)), store.blobs.collect(new Date())]);
        expect(await store.blobs.has(again.sha256)).toBe(true);
        expect(Buffer.from(await store.blobs.bytes(again.sha256)).toString()).toBe(`raced ${turn}`);
      }
    });
  });
}

/** Every file below a folder. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}
