/** Reads what is already made. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRecord } from './types.ts';

/** Folder of one image in a cache folder. */
export const imageFolder = (cacheFolder: string, name: string): string => join(cacheFolder, 'images', name);

/** The record of a made image; undefined where there is none or its tar is gone or has another size. */
export function readRecord(cacheFolder: string, name: string): ImageRecord | undefined {
  const folder = imageFolder(cacheFolder, name);
  const tarPath = join(folder, 'root.tar');
  try {
    const record = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')) as Omit<ImageRecord, 'tarPath'>;
    return statSync(tarPath).size === record.bytes ? { ...record, tarPath } : undefined;
  } catch {
    return undefined;
  }
}
