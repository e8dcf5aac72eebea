/** What is recorded of sources that are repositories: tags that moved, tags that name another version. */
import { randomUUID } from 'node:crypto';
import type { SdistOutcome } from '../../contract/worker.ts';
import { failure, type Failure } from '../../domain/failure.ts';
import type { GitOrigin } from '../../domain/plan.ts';
import { tagVersion } from '../../domain/repository.ts';
import { compareVersions, parseVersion } from '../../domain/version.ts';
import { readSdist } from '../archive/sdist.ts';
import type { Source } from './client/client.ts';
import { asJson, type Tx } from './database.ts';
import type { LogPorts } from './logs.ts';

/** The tag's own name; null for a branch or a commit. */
export const tagOf = (ref: string | null): string | null =>
  (ref?.startsWith('refs/tags/') ? ref.slice('refs/tags/'.length) : null);

/** Where a source of kind `git` was cloned from. */
export function gitOriginOf(source: Source): GitOrigin | null {
  const { gitUrl: url, gitRef: ref, gitCommit: commit, subdirectory } = source;
  if (url === null || commit === null) return null;
  return { url, ref, commit, subdirectory, submodules: (source.submodules ?? []) as GitOrigin['submodules'][number][] };
}

/**
 * The failure of an sdist that is not what its tag says, else null.
 * @errors of the database; an sdist that cannot be read is a failure, not an error
 */
export async function refusedSdist(
  { database, blobs }: LogPorts, sourceId: string, outcome: Extract<SdistOutcome, { state: 'succeeded' }>,
): Promise<Failure | null> {
  const source = await database.prisma.source.findUnique({ where: { id: sourceId } });
  if (source && source.setVersion !== null) return otherVersion(blobs, source.setVersion, outcome.sdist);
  if (!source?.gitUrl) return null;
  const read = await readSdist(await blobs.path(outcome.sdist.sha256), outcome.sdist.filename);
  if (!read.ok) return failure(read.error.code, 'sdist', read.error.words);
  const tag = tagOf(source.gitRef);
  const found = parseVersion(read.value.version);
  const said = tag === null ? null : tagVersion(tag, [read.value.name, source.subdirectory]);
  if (tag === null || said === null || (found.ok && compareVersions(found.value, said) === 0)) return null;
  return failure('FARM_TAG_VERSION', 'sdist', { tag, repository: source.gitUrl, expected: said.text, found: read.value.version });
}

/** The failure of an sdist that did not take the version that it was given, else null. */
async function otherVersion(blobs: LogPorts['blobs'], asked: string, { sha256, filename }: { readonly sha256: string; readonly filename: string }): Promise<Failure | null> {
  const read = await readSdist(await blobs.path(sha256), filename);
  if (!read.ok) return failure(read.error.code, 'sdist', read.error.words);
  const [found, wanted] = [parseVersion(read.value.version), parseVersion(asked)];
  if (found.ok && wanted.ok && compareVersions(found.value, wanted.value) === 0) return null;
  const why = `its sdist goes on saying ${read.value.version}, because its build back end takes no version from the environment`;
  return failure('FARM_REBUILD_VERSION', 'sdist', { version: asked, why });
}

/**
 * The failure of a tag that was released at another commit, else null. Released means that a file of that sdist is on
 * the index: a tag may be set anew as long as nobody got anything of it.
 */
export async function movedTag(
  tx: Tx, { url, ref, commit, subdirectory }: Omit<GitOrigin, 'submodules'>,
): Promise<Failure | null> {
  const tag = tagOf(ref);
  if (tag === null) return null;
  const before = await tx.$queryRaw<{ commit: string }[]>`
    select s.git_commit as commit from source s
    where s.git_url = ${url} and s.git_ref = ${ref} and s.subdirectory = ${subdirectory} and s.git_commit <> ${commit}
      and exists (select 1 from file f where f.sha256 = s.sdist_sha256)
    order by s.created_at limit 1`;
  const released = before[0]?.commit;
  return released === undefined ? null : failure('FARM_TAG_MOVED', 'plan', { tag, repository: url, before: released, after: commit });
}

/** Records a finding for people; the same key twice is one alert. */
export async function raiseAlert(
  tx: Tx, alert: { readonly key: string; readonly repository: string; readonly project?: string; readonly failure: Failure },
): Promise<void> {
  await tx.alert.createMany({
    data: [{ id: randomUUID(), key: alert.key, repository: alert.repository, project: alert.project ?? null, failure: asJson(alert.failure) }],
    skipDuplicates: true,
  });
}
