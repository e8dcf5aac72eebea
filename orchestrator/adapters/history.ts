import type { HistoryEntry } from '../contract/history.ts';
import type { EditGroup } from '../domain/edit-release.ts';
import { printDiff } from '../domain/edit.ts';
import { fail } from '../domain/failure.ts';
import type { Rebuild } from '../domain/rebuild.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { Histories } from '../edit-ports.ts';
import { parseWhat } from './builds-resolve.ts';
import { Prisma } from './prisma/client/client.ts';
import type { Database } from './prisma/database.ts';

const entriesMax = 1_000;

/** Port Histories over the records: what stands here was never changed afterwards, only added to. */
export function prismaHistories({ prisma }: Database): Histories {
  return {
    async of(what) {
      const { name: project, version } = parseWhat(what);
      const all = await prisma.file.findMany({ where: { project }, orderBy: { filename: 'asc' } });
      const versions = [...new Set(all.map((file) => file.version))].filter((text) => {
        const parsed = parseVersion(text);
        return version === null || (parsed.ok && compareVersions(parsed.value, version) === 0);
      });
      if (versions.length === 0) fail('FARM_EDIT_RELEASE', 'publish', { project, version: version?.text ?? '', why: 'nothing was published here' });
      const where = { project, version: { in: versions } };
      const page = { take: entriesMax, orderBy: { startedAt: 'asc' } } as const;
      const [builds, imports, edits, yanks] = await Promise.all([
        prisma.build.findMany({
          where: { OR: [{ id: { in: all.flatMap(({ buildId }) => buildId ?? []) } }, { rebuild: { not: Prisma.DbNull }, plan: { release: where } }] },
          include: { plan: { select: { release: { select: { version: true } } } } }, ...page,
        }),
        prisma.import.findMany({ where: { ...where, state: 'published' }, ...page }),
        prisma.edit.findMany({ where, ...page }),
        prisma.yankEvent.findMany({ where, take: entriesMax, orderBy: { at: 'asc' } }),
      ]);
      const files = (owns: (file: (typeof all)[number]) => boolean) => all.filter(owns).map(({ filename, sha256 }) => ({ filename, sha256 }));
      const entries: HistoryEntry[] = [
        ...builds.map((row) => {
          const owns = (file: (typeof all)[number]) => file.buildId === row.id && file.editId === null;
          const rebuild = row.rebuild as unknown as Rebuild | null;
          return {
            at: row.startedAt.toISOString(), version: row.plan.release.version, kind: rebuild ? 'rebuild' : 'build', id: row.id, state: row.state,
            by: rebuild?.by ?? null, why: rebuild?.why ?? null, changes: rebuild ? rebuildLines(rebuild) : [], files: files(owns),
          };
        }).filter((entry) => versions.includes(entry.version)),
        ...imports.map((row) => ({
          at: row.startedAt.toISOString(), version: row.version, kind: 'import', id: row.id, state: row.state, by: row.requestedBy, why: null,
          changes: [], files: files((file) => file.importId === row.id),
        })),
        ...edits.map((row) => ({
          at: row.startedAt.toISOString(), version: row.version, kind: 'edit', id: row.id, state: row.state, by: row.requestedBy,
          why: row.undoes === null ? row.why : `${row.why} (undoes ${row.undoes})`,
          changes: changesOf(row.groups as unknown as readonly EditGroup[]), files: files((file) => file.editId === row.id),
        })),
        ...yanks.map((row) => ({
          at: row.at.toISOString(), version: row.version, kind: row.reason === null ? 'unyank' : 'yank', id: row.id, state: 'published',
          by: row.by, why: row.why, changes: [], files: [],
        })),
      ];
      return entries.toSorted((a, b) => (a.at < b.at ? -1 : 1));
    },
  };
}

const rebuildLines = ({ setVersion, buildTag, from }: Rebuild): string[] =>
  [setVersion === undefined ? `build tag ${buildTag ?? ''}` : `version ${setVersion}, of ${from.filename}`];

const changesOf = (groups: readonly EditGroup[]): string[] =>
  [...new Set(groups.flatMap(({ changes }) => printDiff(changes).trimEnd().split('\n')))].filter((line) => line !== '');
