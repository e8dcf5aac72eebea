import { limits } from '../../contract/limits.ts';
import { fail } from '../../domain/failure.ts';
import type { BlobStore } from '../../ports.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';

export interface LogPorts {
  readonly database: Database;
  readonly changes: Changes;
  readonly blobs: BlobStore;
}

/** The worker's cap comes first and says FARM_LOG_FLOOD; this one is for a worker that does not keep it. */
const logBytesMaxOfAttempt = 2 * limits.logBytesMax + limits.logChunkBytesMax;

/**
 * Appends bytes where the log ends. Elsewhere nothing is taken and the right offset is answered.
 * @errors FARM_TOO_LARGE
 */
export async function appendLog(
  { database, changes }: LogPorts, attemptId: string, offset: number, bytes: Uint8Array,
): Promise<{ taken: boolean; offset: number }> {
  if (offset + bytes.length > logBytesMaxOfAttempt) fail('FARM_TOO_LARGE', 'build', { limit: `${logBytesMaxOfAttempt} bytes of log` });
  const { rows: [found] } = await database.pool.query<{ taken: boolean; before: string | null }>({
    name: 'append-log', text: appendStatement,
    values: [attemptId, offset, bytes.length, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)],
  });
  if (found?.taken) {
    changes.tellSoon('farm_log', attemptId);
    return { taken: true, offset: offset + bytes.length };
  }
  if (!found || found.before === null) return fail('FARM_NOT_FOUND', 'build', { thing: `attempt ${attemptId}` });
  return { taken: false, offset: Number(found.before) };
}

/** Compare-and-set on the length, and the chunk, in one statement. */
const appendStatement = `
  with moved as (
    update attempt set log_bytes = log_bytes + $3::int where id = $1 and log_bytes = $2::bigint returning id),
  added as (
    insert into log_chunk (attempt_id, "offset", bytes) select id, $2::bigint, $4::bytea from moved where $3::int > 0 returning attempt_id)
  select exists (select from moved) as taken, (select log_bytes from attempt where id = $1) as before`;

/**
 * Joins the chunks of an attempt into one blob. Twice changes nothing: the second call finds no chunks.
 * @shape `part`: the log of the build, or of the test that follows it
 */
export async function sealLog({ database, blobs, changes }: LogPorts, attemptId: string, part: 'build' | 'test'): Promise<void> {
  const { rows } = await database.pool.query<{ offset: string; bytes: Buffer }>({
    name: 'log-chunks', text: 'select "offset", bytes from log_chunk where attempt_id = $1 order by "offset"', values: [attemptId],
  });
  const last = rows.at(-1);
  if (!last) return;
  const { sha256 } = await blobs.put(Buffer.concat(rows.map(({ bytes }) => bytes)));
  const column = part === 'build' ? 'log_sha256' : 'test_log_sha256';
  await database.pool.query({
    name: `seal-${column}`, values: [attemptId, sha256, last.offset],
    text: `with gone as (delete from log_chunk where attempt_id = $1 and "offset" <= $3::bigint)
      update attempt set ${column} = $2 where id = $1`,
  });
  changes.tellSoon('farm_log', attemptId);
}

/** Log bytes from an offset on: the sealed parts, then the chunks. @errors FARM_NOT_FOUND */
export async function readLog({ database, blobs }: LogPorts, attemptId: string, offset: number): Promise<Uint8Array> {
  // One snapshot: sealing moves bytes from the chunks into a blob, and none may be missed in between.
  const [attempt, chunks] = await database.prisma.$transaction([
    database.prisma.attempt.findUnique({ where: { id: attemptId } }),
    database.prisma.logChunk.findMany({
      where: { attemptId, offset: { gt: BigInt(Math.max(-1, offset - limits.logChunkBytesMax)) } }, orderBy: { offset: 'asc' },
    }),
  ], { isolationLevel: 'RepeatableRead' });
  if (!attempt) return fail('FARM_NOT_FOUND', 'build', { thing: `attempt ${attemptId}` });
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const sha256 of [attempt.logSha256, attempt.testLogSha256].filter((one) => one !== null)) {
    const bytes = await blobs.size(sha256);
    if (at + bytes > offset) parts.push((await blobs.bytes(sha256)).subarray(Math.max(0, offset - at)));
    at += bytes;
  }
  for (const chunk of chunks) parts.push(chunk.bytes.subarray(Math.max(0, offset - Number(chunk.offset))));
  return Buffer.concat(parts);
}

/** Streams a log; with `follow` waits for more until the attempt and its test have ended. */
export async function* followLog(
  ports: LogPorts, attemptId: string, from: { readonly offset: number; readonly follow: boolean; readonly signal: AbortSignal },
): AsyncIterable<Uint8Array> {
  let { offset } = from;
  let wake = (): void => undefined;
  let woken = false;
  const stop = from.follow ? ports.changes.on('farm_log', attemptId, () => { woken = true; wake(); }) : () => undefined;
  const abort = (): void => { woken = true; wake(); };
  from.signal.addEventListener('abort', abort);
  try {
    while (!from.signal.aborted) {
      woken = false;
      // Asked before the bytes are read: what came before the end is then read for certain.
      const ended = !from.follow || await hasEnded(ports.database, attemptId);
      const bytes = await readLog(ports, attemptId, offset);
      offset += bytes.length;
      if (bytes.length > 0) yield bytes;
      if (ended) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, followPollMs);
        wake = () => { clearTimeout(timer); resolve(); };
        if (woken) wake();
      });
    }
  } finally {
    stop();
    from.signal.removeEventListener('abort', abort);
  }
}

/** A lost notification costs this much, never the end of the log. */
const followPollMs = 1000;

async function hasEnded(database: Database, attemptId: string): Promise<boolean> {
  const attempt = await database.prisma.attempt.findUnique({ where: { id: attemptId }, include: { build: true } });
  if (!attempt || (attempt.state !== 'running' && attempt.state !== 'succeeded')) return true;
  if (!attempt.build || attempt.build.state !== 'running') return attempt.state !== 'running' || attempt.build !== null;
  const cell = await database.prisma.cell.findUnique({
    where: { planSha256_target: { planSha256: attempt.build.planSha256, target: attempt.target } },
  });
  return attempt.state === 'succeeded' && (cell?.attemptId !== attemptId || cell.state !== 'running');
}
