import { limits } from '../contract/limits.ts';
import { FarmError, type Failure } from '../domain/failure.ts';
import { newestTags } from '../domain/repository.ts';
import type { Github, GitRemote } from '../github-ports.ts';
import type { Clock, Upstream, Workflows } from '../ports.ts';
import type { Registration, Repository } from './prisma/client/client.ts';
import { asJson, noJson, type Database } from './prisma/database.ts';
import { keepTrigger, tellRepository } from './prisma/registration-rows.ts';
import { startTrigger } from './triggers.ts';
import { announce, renameRepository } from './webhooks.ts';

export interface PollPorts {
  readonly database: Database;
  readonly github: Github;
  readonly git: GitRemote;
  readonly upstream: Upstream;
  readonly workflows: Pick<Workflows, 'startTrigger' | 'isOpen'>;
  readonly clock: Clock;
  readonly githubUrl: string;
  /** How often each repository and name is looked at. @unit milliseconds */
  readonly pollMs: number;
}

/**
 * Looks at the registered repositories and watched names that are due, a few at a time: what a webhook would have said
 * is found without one. The rows say when; two control planes do not look at the same one.
 */
export async function pollDue(ports: PollPorts): Promise<void> {
  const { database: { prisma }, clock } = ports;
  const now = clock.now();
  const soon = new Date(now.getTime() + ports.pollMs);
  const due = { nextPollAt: { lte: now } };
  const repositories = await prisma.repository.findMany({ where: { ...due, registrations: { some: {} } }, orderBy: { nextPollAt: 'asc' }, take: limits.pollsAtOnce });
  const names = await prisma.registration.findMany({ where: { ...due, repositoryId: null }, orderBy: { nextPollAt: 'asc' }, take: limits.pollsAtOnce });
  await Promise.all([
    ...repositories.map(async (one) => {
      const claimed = await prisma.repository.updateMany({ where: { id: one.id, nextPollAt: one.nextPollAt }, data: { nextPollAt: soon } });
      if (claimed.count === 1) await pollRepository(ports, one);
    }),
    ...names.map(async (one) => {
      const claimed = await prisma.registration.updateMany({ where: { project: one.project, nextPollAt: one.nextPollAt }, data: { nextPollAt: soon } });
      if (claimed.count === 1) await pollName(ports, one);
    }),
  ]);
}

async function pollRepository(ports: PollPorts, repository: Repository): Promise<void> {
  const { database: { prisma }, clock } = ports;
  const { id } = repository;
  try {
    const found = await ports.github.repository(repository.fullName, repository.etag).catch((error: unknown) => {
      // A farm without a token is limited soon; git itself is asked whatever the API says.
      if (error instanceof FarmError && ['FARM_REPOSITORY_LIMIT', 'FARM_GITHUB_TOKEN'].includes(error.failure.code)) return undefined;
      throw error;
    });
    let { url } = repository;
    if (found && (repository.githubId === null || BigInt(found.id) === repository.githubId)) {
      url = `${ports.githubUrl}/${found.fullName}`;
      await renameRepository(ports.database, { githubId: found.id, fullName: found.fullName, url });
    }
    const known = repository.tags as Record<string, string>;
    const tags = found === null ? known : await newest(ports, url);
    for (const [tag, commit] of Object.entries(tags)) if (known[tag] !== commit) await announce(ports, { repositoryId: id, tag, commit, cause: 'poll' });
    await prisma.repository.update({
      where: { id },
      data: { tags: asJson(tags), polledAt: clock.now(), state: 'active', failure: noJson, ...(found ? { etag: found.etag } : {}) },
    });
    if (repository.failure !== null) await tellRepository(ports.database, { id });
  } catch (error) {
    const value = failureOf(error);
    const vanished = value.code === 'FARM_REPOSITORY_UNKNOWN';
    await prisma.repository.update({
      where: { id }, data: { failure: asJson(value), ...(vanished ? { state: 'vanished' } : {}), nextPollAt: later(ports, repository.polledAt) },
    });
    await tellRepository(ports.database, { id });
  }
}

async function newest({ git }: PollPorts, url: string): Promise<Record<string, string>> {
  const tags = await git.tags(url);
  return Object.fromEntries(newestTags([...tags.keys()], limits.tagsWatchedMax).map((tag) => [tag, tags.get(tag) ?? '']));
}

async function pollName(ports: PollPorts, { project, versions }: Registration): Promise<void> {
  const { database, upstream } = ports;
  try {
    const found = await upstream.project(project);
    const known = new Set(versions as string[]);
    for (const version of newestTags(found?.versions ?? [], limits.tagsWatchedMax)) {
      if (known.has(version)) continue;
      const { id, isNew } = await keepTrigger(database, { key: `index ${project} ${version}`, repositoryId: null, project, cause: 'poll', ref: version, commit: null });
      if (isNew) await startTrigger(ports, id);
    }
    await database.prisma.registration.update({ where: { project }, data: { versions: asJson(found?.versions ?? []), failure: noJson } });
  } catch (error) {
    await database.prisma.registration.update({ where: { project }, data: { failure: asJson(failureOf(error)) } });
  }
}

/** Twice as long as it has been silent, within limits: a server that is down is asked less and less often. */
function later({ clock, pollMs }: PollPorts, polledAt: Date | null): Date {
  const now = clock.now().getTime();
  const silent = polledAt ? now - polledAt.getTime() : pollMs;
  return new Date(now + Math.min(Math.max(pollMs, silent), Math.max(pollMs, limits.pollMsMax)));
}

function failureOf(error: unknown): Failure {
  if (error instanceof FarmError) return error.failure;
  throw error;
}
