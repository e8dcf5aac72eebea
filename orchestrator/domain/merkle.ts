/**
 * The Merkle tree of a transparency log (RFC 6962 section 2.1), over leaf hashes that the caller computed.
 * Hashes are values of one length; the hash function is passed in, because this room computes no digests itself.
 */

/** One-shot digest of some bytes; every tree uses one and the same. */
export type HashBytes = (bytes: Uint8Array) => Uint8Array;

/**
 * All complete subtrees of a log, lowest level first: `levels[k][i]` covers the leaves `i * 2^k` up to `(i + 1) * 2^k`.
 * @shape grows at its end only; about two hashes a leaf
 */
export interface MerkleTree {
  readonly hash: HashBytes;
  readonly levels: Uint8Array[][];
}

/** A tree without leaves. */
export const emptyTree = (hash: HashBytes): MerkleTree => ({ hash, levels: [[]] });

/** How many leaves the tree has. */
export const treeSize = (tree: MerkleTree): number => levelOf(tree, 0).length;

/** The hash of a leaf: `H(00 || body)`. */
export const leafHash = (hash: HashBytes, body: Uint8Array): Uint8Array => hash(joined([0x00], body));

/** The hash of an inner node: `H(01 || left || right)`. */
export const nodeHash = (hash: HashBytes, left: Uint8Array, right: Uint8Array): Uint8Array =>
  hash(joined([0x01], left, right));

/** Adds a leaf by its hash and completes the subtrees that end with it. At most log2(size) hashes. */
export function appendLeaf(tree: MerkleTree, leaf: Uint8Array): void {
  levelOf(tree, 0).push(leaf);
  for (let level = 0; levelOf(tree, level).length % 2 === 0; level += 1) {
    const nodes = levelOf(tree, level);
    if (tree.levels.length === level + 1) tree.levels.push([]);
    const [left, right] = [nodeAt(tree, level, nodes.length - 2), nodeAt(tree, level, nodes.length - 1)];
    levelOf(tree, level + 1).push(nodeHash(tree.hash, left, right));
  }
}

/** The same tree cut back to its first `size` leaves: for a caller whose transaction was rolled back. */
export function truncateTree(tree: MerkleTree, size: number): void {
  tree.levels.forEach((nodes, level) => {
    nodes.length = Math.min(nodes.length, Math.floor(size / 2 ** level));
  });
}

/**
 * The tree head over the first `size` leaves.
 * @errors RangeError when the tree has fewer leaves
 */
export function rootHash(tree: MerkleTree, size: number = treeSize(tree)): Uint8Array {
  if (size > treeSize(tree)) throw new RangeError(`the tree has ${treeSize(tree)} leaves, not ${size}`);
  return size === 0 ? tree.hash(new Uint8Array(0)) : rangeHash(tree, 0, size);
}

/**
 * The audit path of a leaf in the tree of the first `size` leaves, lowest sibling first (RFC 6962 section 2.1.1).
 * @errors RangeError when the leaf is not in that tree
 */
export function inclusionProof(tree: MerkleTree, index: number, size: number = treeSize(tree)): Uint8Array[] {
  if (index < 0 || index >= size || size > treeSize(tree)) {
    throw new RangeError(`no leaf ${index} in a tree of ${size} leaves`);
  }
  const path: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.unshift(rangeHash(tree, middle, end));
      end = middle;
    } else {
      path.unshift(rangeHash(tree, start, middle));
      start = middle;
    }
  }
  return path;
}

/** The head that an audit path leads to from a leaf; undefined when the path has the wrong length. */
export function rootFromProof(
  hash: HashBytes,
  leaf: Uint8Array,
  place: { readonly index: number; readonly size: number },
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (place.index < 0 || place.index >= place.size) return undefined;
  let node = place.index;
  let last = place.size - 1;
  let head = leaf;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      head = nodeHash(hash, sibling, head);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      head = nodeHash(hash, head, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? head : undefined;
}

/** Hash of the leaves `start` up to `end`; `start` is a multiple of the largest power of two inside. */
function rangeHash(tree: MerkleTree, start: number, end: number): Uint8Array {
  const width = end - start;
  const level = Math.log2(width);
  if (Number.isInteger(level)) return nodeAt(tree, level, start / width);
  const middle = start + splitOf(width);
  return nodeHash(tree.hash, rangeHash(tree, start, middle), rangeHash(tree, middle, end));
}

/** The largest power of two below `width`: where RFC 6962 divides a tree. */
function splitOf(width: number): number {
  let split = 1;
  while (split * 2 < width) split *= 2;
  return split;
}

function levelOf(tree: MerkleTree, level: number): Uint8Array[] {
  const nodes = tree.levels[level];
  if (!nodes) throw new RangeError(`the tree has no level ${level}`);
  return nodes;
}

function nodeAt(tree: MerkleTree, level: number, index: number): Uint8Array {
  const node = levelOf(tree, level)[index];
  if (!node) throw new RangeError(`the tree has no node ${index} on level ${level}`);
  return node;
}

function joined(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
