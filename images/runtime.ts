/** zig's compiled C and C++ runtime: half a minute of work a target, so images share it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imagesFolder, readRequirements } from './recipes.ts';
import type { ImageRow } from './types.ts';

/** Hex SHA-256 of all that decides the runtime: zig, the targets and the script that compiles it. */
export function runtimeKey(rows: readonly ImageRow[]): string {
  const targets = [...new Set(rows.map((row) => row.zigTarget))].toSorted();
  const zig = readRequirements().find((requirement) => requirement.name === 'ziglang');
  const script = readFileSync(join(imagesFolder, 'cross-debian/runtime.py'), 'utf8');
  return createHash('sha256').update(JSON.stringify([zig, targets, script])).digest('hex');
}

/** Where a compiled runtime is kept. */
export const runtimePath = (cacheFolder: string, key: string): string => join(cacheFolder, 'runtime', `zig-${key.slice(0, 16)}.tar`);
