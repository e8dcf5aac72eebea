import { describe, expect, it } from 'vitest';
import type { LogEntry, LogStore } from '../../orchestrator/adapters/sigstore/log-store.ts';
import { sha256 } from '../../orchestrator/adapters/sigstore/log-store.ts';
import { leafHash, rootFromProof } from '../../orchestrator/domain/merkle.ts';

const entryOf = (name: string): LogEntry => ({
  statementSha256: Buffer.from(sha256(Buffer.from(name))).toString('hex'),
  body: Buffer.from(`body of ${name}`),
});

const digestsOf = (entries: readonly LogEntry[]): string[] => entries.map((entry) => entry.statementSha256);

const entries = (prefix: string, count: number): LogEntry[] =>
  Array.from({ length: count }, (_, index) => entryOf(`${prefix}${index}`));

/** What every log store must do. `fresh` gives an empty one. */
export function logStoreLaws(name: string, fresh: () => Promise<LogStore>): void {
  describe(`log store laws: ${name}`, () => {
    it('begins empty and knows nothing', async () => {
      const { head, leaves } = await (await fresh()).prove(digestsOf(entries('a', 2)));
      expect({ size: head.size, checkpoint: head.checkpoint, leaves }).toEqual({ size: 0, checkpoint: '', leaves: [] });
    });

    it('numbers leaves without gaps and seals once for a call', async () => {
      const log = await fresh();
      const sizes: number[] = [];
      const seal = ({ size }: { size: number }): string => { sizes.push(size); return `head ${size}`; };
      await log.append(entries('a', 3), seal);
      await log.append(entries('b', 2), seal);
      const { head, leaves } = await log.prove(digestsOf([...entries('a', 3), ...entries('b', 2)]));
      expect(leaves.map((leaf) => leaf.index)).toEqual([0, 1, 2, 3, 4]);
      expect(sizes).toEqual([3, 5]);
      expect(head.checkpoint).toBe('head 5');
    });

    it('keeps the first leaf of a statement and seals nothing when nothing is new', async () => {
      const log = await fresh();
      const twice = [entryOf('a'), { ...entryOf('a'), body: Buffer.from('another body') }];
      await log.append(twice, () => 'first');
      await log.append(twice.slice(1), () => 'second');
      const { head, leaves } = await log.prove(digestsOf(twice.slice(0, 1)));
      expect(head).toMatchObject({ size: 1, checkpoint: 'first' });
      expect(Buffer.from(leaves[0]?.body ?? []).toString()).toBe('body of a');
    });

    it('proves every leaf to its head', async () => {
      const log = await fresh();
      for (let count = 1; count <= 11; count += 1) await log.append(entries('a', count), () => 'sealed');
      const { head, leaves } = await log.prove(digestsOf(entries('a', 11)));
      for (const { body, index, path } of leaves) {
        const root = rootFromProof(sha256, leafHash(sha256, body), { index, size: head.size }, path);
        expect(Buffer.from(root ?? []).toString('hex')).toBe(Buffer.from(head.root).toString('hex'));
      }
      expect(leaves).toHaveLength(11);
    });

    it('proves to an earlier head too, without the leaves that came after it', async () => {
      const log = await fresh();
      await log.append(entries('a', 5), () => 'earlier');
      const { head: earlier } = await log.prove([]);
      await log.append(entries('b', 4), () => 'newer');
      const { head, leaves } = await log.prove(digestsOf([...entries('b', 1), ...entries('a', 5)]), earlier);
      expect(head).toEqual(earlier);
      expect(leaves.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
      for (const { body, index, path } of leaves) {
        const root = rootFromProof(sha256, leafHash(sha256, body), { index, size: 5 }, path);
        expect(Buffer.from(root ?? []).toString('hex')).toBe(Buffer.from(earlier.root).toString('hex'));
      }
    });

    it('changes nothing when sealing fails', async () => {
      const log = await fresh();
      await log.append(entries('a', 3), () => 'first');
      await expect(log.append(entries('b', 2), () => { throw new Error('no key'); })).rejects.toThrow('no key');
      const failed = await log.prove(digestsOf(entries('b', 2)));
      expect(failed).toMatchObject({ head: { size: 3, checkpoint: 'first' }, leaves: [] });
      await log.append(entries('c', 2), () => 'second');
      const { head, leaves } = await log.prove(digestsOf(entries('c', 2)));
      expect({ size: head.size, indexes: leaves.map((leaf) => leaf.index) }).toEqual({ size: 5, indexes: [3, 4] });
    });

    it('takes releases that arrive at once one after the other', async () => {
      const log = await fresh();
      const releases = Array.from({ length: 8 }, (_, index) => entries(`r${index}-`, 3));
      await Promise.all(releases.map(async (release) => {
        await log.append(release, ({ size }) => `head ${size}`);
        expect((await log.prove(digestsOf(release))).leaves).toHaveLength(3);
      }));
      const { head, leaves } = await log.prove(digestsOf(releases.flat()));
      expect(head).toMatchObject({ size: 24, checkpoint: 'head 24' });
      expect(leaves.map((leaf) => leaf.index).sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, at) => at));
    });
  });
}
