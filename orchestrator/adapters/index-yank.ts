import { randomUUID } from 'node:crypto';
import type { YankView } from '../contract/history.ts';
import { fail } from '../domain/failure.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { Yanks } from '../edit-ports.ts';
import { parseWhat } from './builds-resolve.ts';
import { lockHead, moveHead, waitListed, writePage, type IndexPostgresParts } from './index-postgres.ts';
import { inTransaction } from './prisma/transaction.ts';

/** Port Yanks over the index in Postgres: the reason, the record and the page in one transaction. */
export function indexYanks(parts: IndexPostgresParts): Yanks {
  const { pool, clock } = parts;
  return {
    async yank({ what, action, why, by }): Promise<YankView> {
      const { name: project, version: wanted } = parseWhat(what);
      if (wanted === null) return fail('FARM_WHAT_UNCLEAR', 'publish', { what });
      const { rows } = await pool.query<{ version: string }>('select distinct version from file where project = $1', [project]);
      const version = rows.find((row) => {
        const parsed = parseVersion(row.version);
        return parsed.ok && compareVersions(parsed.value, wanted) === 0;
      })?.version ?? fail('FARM_EDIT_RELEASE', 'publish', { project, version: wanted.text, why: 'it was not published here' });
      const reason = action === 'yank' ? why.trim() : null;
      const now = clock.now().toISOString();
      const done = await inTransaction(pool, async (client) => {
        const head = await lockHead(client);
        // A file that upstream yanked before it was imported keeps upstream's reason until it is yanked or taken back here.
        const { rowCount } = await client.query(
          'update file set yanked = $3 where project = $1 and version = $2 and yanked is distinct from $3', [project, version, reason]);
        if (!rowCount) return { serial: head, files: 0 };
        await client.query(
          `insert into yank_event (id, project, version, reason, why, by, files, at)
           values ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz at time zone 'utc')`,
          [randomUUID(), project, version, reason, why.trim(), by, rowCount, now]);
        await writePage(client, { project, serial: head + 1, origin: parts.origin() });
        await moveHead(client, head + 1);
        return { serial: head + 1, files: rowCount };
      });
      return { project, version, action, why: why.trim(), by, files: done.files, at: now, listed: await waitListed(pool, done.serial) };
    },
  };
}
