import { createHmac } from 'node:crypto';
import { limits } from '../contract/limits.ts';
import type { Database } from './prisma/database.ts';

const lookMs = 2_000;
const answerMsMax = 10_000;
const firstRetryMs = 5_000;
const retryMsMax = 60 * 60 * 1000;
/** Publishes told in one look, for one address. */
const publishesMax = 20;

interface Due { readonly id: string; readonly project: string; readonly url: string; readonly secret: string; readonly serial: bigint; readonly failures: number }
interface Publish { readonly serial: string; readonly project: string; readonly version: string; readonly at: Date; readonly files: unknown }

const publishedStatement = `
  select serial, project, version, max(upload_time) as at,
    json_agg(json_build_object('filename', filename, 'sha256', sha256, 'bytes', bytes) order by filename) as files
  from file where serial > $1 and ($2 = '' or project = $2) group by serial, project, version order by serial limit $3`;

/**
 * Tells addresses what was published: JSON, signed by HMAC-SHA256 over the body's bytes in `x-farm-signature-256`. In
 * the order of serials, each at least once; one that fails is tried later and later, then no more. Several planes may
 * look: a hook is locked while it is served.
 */
export function startHooks(database: Database, url: string, onFault: (error: unknown) => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = false;
  const look = (): void => {
    looking = serveAll(database, url).catch(onFault).then(() => {
      if (!stopped) timer = setTimeout(look, lookMs);
    });
  };
  timer = setTimeout(look, lookMs);
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await looking;
  };
}

async function serveAll(database: Database, url: string): Promise<void> {
  const { rows } = await database.pool.query<{ id: string }>(
    `select id from hook where failures < $1 and (next_at is null or next_at <= now())
       and serial < coalesce((select serial from index_head where id = 1), 0)`, [limits.hookTriesMax]);
  for (const { id } of rows) await serve(database, id, url);
}

/** Serves one hook. What it has missed is told before its serial moves on; a crash in between tells it again. */
export async function serve({ pool }: Pick<Database, 'pool'>, id: string, url: string): Promise<void> {
  const client = await pool.connect();
  try {
    const { rows: [lock] } = await client.query<{ got: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 7)) as got', [id]);
    if (!lock?.got) return;
    try {
      const { rows: [due] } = await client.query<Due>('select id, project, url, secret, serial, failures from hook where id = $1', [id]);
      if (!due) return;
      const { rows } = await client.query<Publish>(publishedStatement, [due.serial, due.project, publishesMax]);
      for (const publish of rows) {
        const status = await tell(due, publish, url);
        if (status !== null) {
          const wait = Math.min(retryMsMax, firstRetryMs * 2 ** due.failures);
          await client.query(`update hook set failures = failures + 1, last_status = $2, next_at = now() + $3 * interval '1 millisecond' where id = $1`, [id, status, wait]);
          return;
        }
        await client.query(`update hook set failures = 0, last_status = 'taken', next_at = null, serial = $2 where id = $1`, [id, publish.serial]);
      }
      // Nothing of this project is left: the hook need not be looked at again until the next publish.
      if (rows.length < publishesMax) {
        await client.query(`update hook set serial = greatest(serial, (select serial from index_head where id = 1)) where id = $1
          and not exists (select 1 from file where file.serial > $2 and (hook.project = '' or file.project = hook.project))`, [id, rows.at(-1)?.serial ?? due.serial]);
      }
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 7))', [id]);
    }
  } finally {
    client.release();
  }
}

/** Null where the address took it, else why not. */
async function tell(hook: Due, publish: Publish, url: string): Promise<string | null> {
  const { serial, project, version, at, files } = publish;
  const body = JSON.stringify({ event: 'published', serial: Number(serial), project, version, at: at.toISOString(), files, page: `${url}/projects/${project}` });
  try {
    const answer = await fetch(hook.url, {
      method: 'POST', body, redirect: 'manual', signal: AbortSignal.timeout(answerMsMax),
      headers: {
        'content-type': 'application/json', 'user-agent': 'wheelfarm', 'x-farm-event': 'published', 'x-farm-delivery': `${hook.id}-${serial}`,
        'x-farm-signature-256': `sha256=${createHmac('sha256', hook.secret).update(body).digest('hex')}`,
      },
    });
    await answer.body?.cancel();
    return answer.ok ? null : `answered ${answer.status}`;
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'did not answer in time' : 'could not be reached';
  }
}
