/** Removes what killed makings left behind: folders of the cache, containers and images of Docker. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { runCommand } from './command.ts';
import { isLeftOver } from './owner.ts';

/** Label of containers that make images; its value is the mark of the process that made them. */
export const makingLabel = 'wheelfarm.making';
/** Docker repository of unfinished roots; the tag is the mark of their process and a random end. */
export const makingRepository = 'wheelfarm-making';

/** Name of a folder or tag that is being filled: what it is, whose it is, and a random end. */
export const makingName = (mark: string, end: string): string => `${mark}.${end}`;
const markOf = (name: string): string => name.slice(0, name.lastIndexOf('.'));

/**
 * Removes leftovers of processes that are gone; what belongs to a running one stays.
 * @param folders where `.making-<mark>.<end>` folders and files lie
 * @returns how many things were removed
 */
export async function sweep(folders: readonly string[], docker: Docker): Promise<number> {
  const counts = await Promise.all([...folders.map(sweepFolder), sweepDocker(docker)]);
  return counts.reduce((sum, count) => sum + count, 0);
}

async function sweepFolder(folder: string): Promise<number> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('.making-'));
  let removed = 0;
  for (const name of names) {
    const path = join(folder, name);
    const changed = await stat(path).then(({ mtimeMs }) => mtimeMs, () => undefined);
    if (changed === undefined || !isLeftOver(markOf(name.slice('.making-'.length)), Date.now() - changed)) continue;
    if (await removeTree(path)) removed += 1;
  }
  return removed;
}

/**
 * Places mounted at or below a folder, the deepest first: a making that was killed can leave /proc and /sys of a root mounted.
 * @param mountinfo text of /proc/self/mountinfo, where a space in a path is \040
 */
export function mountsBelow(folder: string, mountinfo: string): string[] {
  const places = mountinfo.split('\n').map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  return places.filter((place) => place === folder || place.startsWith(`${folder}/`)).toReversed();
}

/** Removes a folder and what is mounted in it. @returns false for one that cannot be removed: it is in nobody's way */
async function removeTree(path: string): Promise<boolean> {
  const mounted = async (): Promise<string[]> => mountsBelow(path, await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
  for (const place of await mounted()) await runCommand('umount', ['--lazy', place]).catch(() => undefined);
  if ((await mounted()).length > 0) return false; // never delete through a mount
  return rm(path, { recursive: true, force: true, maxRetries: 2 }).then(() => true, () => false);
}

async function sweepDocker(docker: Docker): Promise<number> {
  let removed = 0;
  const count = (): void => { removed += 1; };
  const stale = (mark: string, created: number): boolean => isLeftOver(mark, Date.now() - created * 1000);
  for (const container of await docker.listContainers({ all: true, filters: { label: [makingLabel] } })) {
    if (!stale(container.Labels[makingLabel] ?? '', container.Created)) continue;
    await docker.getContainer(container.Id).remove({ force: true }).then(count, () => undefined);
  }
  // Unfinished roots state 1970 as their time: only their own mark can tell.
  for (const image of await docker.listImages({ filters: { reference: [`${makingRepository}/*`] } })) {
    for (const tag of image.RepoTags ?? []) {
      const mark = markOf(tag.slice(tag.lastIndexOf(':') + 1));
      if (tag.startsWith(`${makingRepository}/`) && mark && stale(mark, Date.now() / 1000)) {
        await docker.getImage(tag).remove({ force: true }).then(count, () => undefined);
      }
    }
  }
  return removed;
}
