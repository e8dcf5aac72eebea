/** Members of a wheel that state its version: a post-release keeps them, so they will say the old one. */
import type { OpenedWheel } from './payload.ts';
import { readMember } from './zip-read.ts';

/** Larger members are not searched: versions stand in small texts. @unit bytes */
const searchedBytesMax = 2 ** 20;
const textNames = /\.(py|pyi|txt|toml|json|cfg|ini|h|in)$|\/(VERSION|version)$/;
const namedMax = 20;

/**
 * Payload members whose text holds the wheel's version as a whole word, in the order of the file; at most twenty.
 * Short versions such as `1.0` stand in many texts for other reasons, so only lines that speak of a version count.
 */
export async function membersWithVersion(wheel: OpenedWheel): Promise<string[]> {
  const escaped = wheel.checked.core.version.replace(/[.+]/g, '\\$&');
  const word = new RegExp(`(?<![\\w.])v?${escaped}(?![\\w]|\\.\\d)`);
  const found: string[] = [];
  for (const { entry } of wheel.payload) {
    if (found.length >= namedMax) break;
    if (!textNames.test(entry.name) || entry.bytes > searchedBytesMax) continue;
    const text = (await readMember(wheel.archive, entry, searchedBytesMax)).toString('latin1');
    if (!word.test(text)) continue;
    if (text.split('\n').some((line) => /version/i.test(line) && word.test(line)) || /version$/i.test(entry.name)) found.push(entry.name);
  }
  return found;
}
