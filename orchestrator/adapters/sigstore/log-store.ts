import { createHash } from 'node:crypto';
import {
  appendLeaf, emptyTree, inclusionProof, leafHash, rootHash, treeSize, truncateTree, type HashBytes, type MerkleTree,
} from '../../domain/merkle.ts';

/** SHA-256, the hash of every tree here. */
export const sha256: HashBytes = (bytes) => createHash('sha256').update(bytes).digest();

/** What a log is asked to keep: the entry of one signed statement. */
export interface LogEntry {
  /** 64 lower-case hex digits. */
  readonly statementSha256: string;
  /** The entry's canonical JSON; what the leaf hash is taken of. */
  readonly body: Uint8Array;
}

export interface LogHead {
  readonly size: number;
  readonly root: Uint8Array;
  /** Signed note over size and root; '' while the log is empty. */
  readonly checkpoint: string;
}

/** A kept entry and its way up to the head that it was asked with. */
export interface ProvenLeaf extends LogEntry {
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

/** Signs the checkpoint of a new head. Called under the log's lock, so it must be quick and must not wait. */
export type SealHead = (head: { readonly size: number; readonly root: Uint8Array }) => string;

/**
 * The leaves and the head of the local log.
 *
 * Laws: leaves are numbered from 0 without gaps and are never changed or removed; a statement has at most one leaf, and
 * the first one stays; head and leaves change together or not at all; the head's root is the root of the leaves.
 */
export interface LogStore {
  /** Appends the entries whose statement has no leaf yet, in order, and seals one new head over all of them. */
  append(entries: readonly LogEntry[], seal: SealHead): Promise<void>;
  /**
   * The leaves of those statements that have one, proven to one and the same head: the newest, or `at`, which an earlier
   * call has given. Unknown statements are left out.
   */
  prove(statements: readonly string[], at?: LogHead): Promise<{ readonly head: LogHead; readonly leaves: readonly ProvenLeaf[] }>;
}

/** A log that lives as long as the process: for tests and simulation. */
export function memoryLogStore(): LogStore {
  const tree: MerkleTree = emptyTree(sha256);
  const leaves = new Map<string, LogEntry & { index: number }>();
  let head: LogHead = { size: 0, root: rootHash(tree), checkpoint: '' };
  return {
    async append(entries, seal) {
      const fresh = newEntries(entries, new Set(leaves.keys()));
      if (fresh.length === 0) return;
      for (const entry of fresh) appendLeaf(tree, leafHash(sha256, entry.body));
      try {
        const next = { size: treeSize(tree), root: rootHash(tree) };
        const checkpoint = seal(next);
        fresh.forEach((entry, offset) => leaves.set(entry.statementSha256, { ...entry, index: head.size + offset }));
        head = { ...next, checkpoint };
      } catch (error) {
        truncateTree(tree, head.size);
        throw error;
      }
    },
    async prove(statements, at = head) {
      const found = statements.flatMap((statement) => leaves.get(statement) ?? []).filter(({ index }) => index < at.size);
      return { head: at, leaves: found.map((leaf) => ({ ...leaf, path: inclusionProof(tree, leaf.index, at.size) })) };
    },
  };
}

/** The entries whose statement is neither known nor named earlier in the same list. */
export function newEntries(entries: readonly LogEntry[], known: ReadonlySet<string>): LogEntry[] {
  const seen = new Set(known);
  return entries.filter(({ statementSha256 }) => {
    const fresh = !seen.has(statementSha256);
    seen.add(statementSha256);
    return fresh;
  });
}
