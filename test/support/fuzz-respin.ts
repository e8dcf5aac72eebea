/** Wheels made by chance and damaged by chance: an edit refuses them by name or keeps their payload. */
import { createHash } from 'node:crypto';
import { bufferSource } from '../../orchestrator/adapters/archive/byte-source.ts';
import { openWheel } from '../../orchestrator/adapters/archive/payload.ts';
import { readVirtual, respinWheel } from '../../orchestrator/adapters/archive/respin.ts';
import { editMetadata } from '../../orchestrator/domain/edit.ts';
import { oddInfo, oddName, oddWheelZip, seeded } from './odd-zip.ts';
import type { OddMember } from './odd-zip.ts';

/** Seeds that once found something, or that reach a rare path: they run in every unit test. */
export const keptSeeds: readonly number[] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987];

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A wheel of up to seven members with any oddity that is kept. The same seed gives the same bytes. */
export function chanceWheel(seed: number): Buffer {
  const pick = seeded(seed);
  const members = Array.from({ length: pick(8) }, (_, at): OddMember => {
    const folder = ['demo', 'demo-1.0.data/purelib', oddInfo, `${oddInfo}/licenses`, 'x.libs'][pick(5)] ?? 'demo';
    const descriptor = pick(4) === 0 ? (['signed', 'bare', 'wide'] as const)[pick(3)] : undefined;
    return {
      name: `${folder}/m${at}${['', 'é', ' b', ',c'][pick(4)] ?? ''}`,
      content: Buffer.from(Array.from({ length: pick(300) }, () => pick(pick(2) === 0 ? 3 : 256))),
      stored: pick(2) === 0, mode: [0, 0o100644, 0o100755, 0o100600][pick(4)] ?? 0, zip64: pick(5) === 0 && descriptor === undefined,
      ...(descriptor === undefined ? {} : { descriptor }),
      ...(pick(4) === 0 ? { localExtra: Buffer.from([0x55, 0x54, 1, 0, pick(256)]) } : {}),
      ...(pick(4) === 0 ? { gap: Buffer.alloc(pick(9), 1) } : {}), ...(pick(6) === 0 ? { comment: `c${pick(99)}` } : {}),
    };
  });
  return oddWheelZip(members, pick(members.length + 1));
}

/** A wheel with some bytes changed, cut out or repeated. */
function damagedWheel(seed: number): Buffer {
  const pick = seeded(seed ^ 0x5bd1e995);
  let bytes = chanceWheel(seed);
  for (let times = 1 + pick(3); times > 0; times -= 1) {
    // Headers and directory are where readers go wrong, so half of the damage goes next to a signature.
    const marks = [...bytes.toString('latin1').matchAll(/PK[^ -~]/g)].map(({ index }) => index);
    const at = pick(2) === 0 ? pick(bytes.length) : Math.min((marks[pick(marks.length || 1)] ?? 0) + pick(50), bytes.length - 1);
    const kind = pick(5);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(20))]);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - pick(40)))]);
    else {
      bytes = Buffer.from(bytes);
      bytes[at] = [0, 0xff, pick(256)][pick(3)] ?? 0;
    }
    if (bytes.length === 0) return Buffer.from([0]);
  }
  return bytes;
}

/**
 * Opens and edits one damaged wheel.
 * @returns whether it was kept or refused
 * @errors throws, with the seed, where it was neither: another exception, other payload, another digest
 */
export async function fuzzOnce(seed: number): Promise<'kept' | 'refused'> {
  try {
    const bytes = damagedWheel(seed);
    const expected = { name: 'demo', version: '1.0' };
    const wheel = await openWheel({ source: bufferSource(bytes), filename: oddName, sha256: sha256(bytes), expected });
    if (!wheel.ok) return 'refused';
    const edited = editMetadata(wheel.value.texts.metadata, [{ kind: 'set', field: 'Keywords', value: `seed ${seed}` }]);
    if (!edited.ok) return 'refused';
    const made = respinWheel(wheel.value, { metadata: edited.value.metadata, buildTag: 1, sourceDateEpoch: 1_700_000_000 });
    const chunks: Buffer[] = [];
    for await (const chunk of readVirtual(made, bufferSource(bytes))) chunks.push(chunk);
    const written = Buffer.concat(chunks);
    const again = await openWheel({ source: bufferSource(written), filename: made.filename, sha256: made.sha256, expected });
    if (!again.ok) throw new Error(`what was made is refused: ${JSON.stringify(again.error)}`);
    if (again.value.stored.digest !== wheel.value.stored.digest) throw new Error('the payload differs');
    return 'kept';
  } catch (error) {
    throw new Error(`fuzz seed ${seed}`, { cause: error });
  }
}
