import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  appendLeaf, emptyTree, inclusionProof, leafHash, rootFromProof, rootHash, treeSize, truncateTree, type MerkleTree,
} from '../../../orchestrator/domain/merkle.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The test data of the RFC 6962 reference implementation (certificate-transparency, merkle tree tests). */
const bodies = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  .map((text) => Buffer.from(text, 'hex'));
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const paths: readonly { readonly index: number; readonly size: number; readonly path: readonly string[] }[] = [
  { index: 0, size: 1, path: [] },
  {
    index: 0,
    size: 8,
    path: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    size: 8,
    path: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  { index: 2, size: 3, path: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
  {
    index: 1,
    size: 5,
    path: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];

function treeOf(count: number): MerkleTree {
  const tree = emptyTree(sha256);
  for (let index = 0; index < count; index += 1) appendLeaf(tree, leafHash(sha256, bodyOf(index)));
  return tree;
}

const bodyOf = (index: number): Uint8Array => bodies[index] ?? Buffer.from(`leaf ${index}`);

describe('the tree of a log', () => {
  it.each(roots.map((root, size) => ({ size, root })))('has the reference root over $size leaves', ({ size, root }) => {
    expect(hex(rootHash(treeOf(size)))).toBe(root);
    expect(hex(rootHash(treeOf(8), size))).toBe(root);
  });

  it.each(paths)('has the reference path of leaf $index in $size leaves', ({ index, size, path }) => {
    expect(inclusionProof(treeOf(8), index, size).map(hex)).toEqual(path);
  });

  it('proves every leaf of every size, and no leaf at another place', () => {
    const tree = treeOf(40);
    for (let size = 1; size <= 40; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const path = inclusionProof(tree, index, size);
        const leaf = leafHash(sha256, bodyOf(index));
        expect(rootFromProof(sha256, leaf, { index, size }, path)).toEqual(rootHash(tree, size));
        const elsewhere = { index: index + 1, size };   // after the last leaf: no place at all
        expect(rootFromProof(sha256, leaf, elsewhere, path)).not.toEqual(rootHash(tree, size));
      }
    }
  });

  it('refuses a path that is too short or too long, and leaves outside the tree', () => {
    const tree = treeOf(7);
    const path = inclusionProof(tree, 3);
    const leaf = leafHash(sha256, bodyOf(3));
    expect(rootFromProof(sha256, leaf, { index: 3, size: 7 }, path.slice(1))).toBeUndefined();
    expect(rootFromProof(sha256, leaf, { index: 3, size: 7 }, [...path, leaf])).toBeUndefined();
    expect(rootFromProof(sha256, leaf, { index: 7, size: 7 }, path)).toBeUndefined();
    expect(() => inclusionProof(tree, 7)).toThrow(RangeError);
    expect(() => rootHash(tree, 8)).toThrow(RangeError);
  });

  it('grows as if nothing had been after leaves were taken back', () => {
    for (let kept = 0; kept <= 20; kept += 1) {
      const tree = treeOf(20);
      truncateTree(tree, kept);
      expect(treeSize(tree)).toBe(kept);
      for (let index = kept; index < 33; index += 1) appendLeaf(tree, leafHash(sha256, bodyOf(index)));
      expect(hex(rootHash(tree))).toBe(hex(rootHash(treeOf(33))));
    }
  });
});
