import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { fail } from '../domain/failure.ts';
import { mayCommand, readCommand, readEvent, type GithubEvent } from '../domain/github-event.ts';
import { tagVersion } from '../domain/repository.ts';
import type { Github, WebhookAnswer, Webhooks } from '../github-ports.ts';
import type { Workflows } from '../ports.ts';
import { asJson, type Database } from './prisma/database.ts';
import { keepTrigger } from './prisma/registration-rows.ts';
import { projectsOf, startTrigger } from './triggers.ts';

export interface WebhookPorts {
  readonly database: Database;
  readonly github: Github;
  readonly workflows: Pick<Workflows, 'startTrigger' | 'isOpen'>;
  readonly githubUrl: string;
  /** Address of the farm, no slash at the end. */
  readonly url: string;
}

type EventOf<K extends GithubEvent['kind']> = Extract<GithubEvent, { kind: K }>;
const nothing = (took: string): WebhookAnswer => ({ took, releases: [], pages: [] });

/** Port Webhooks: the signature over the bytes first, then the delivery's row, then what it asks for. */
export function prismaWebhooks(ports: WebhookPorts): Webhooks {
  const { database: { prisma } } = ports;
  return {
    async take({ id, event, signature, bytes }) {
      if (!isSigned(bytes, signature, await ports.github.webhookSecret())) fail('FARM_WEBHOOK_SIGNATURE', 'plan');
      if (!/^[\w-]{1,100}$/.test(id) || !/^[a-z_]{1,60}$/.test(event)) fail('FARM_BAD_REQUEST', 'plan', { why: 'X-GitHub-Delivery or X-GitHub-Event is not right' });
      const bodySha256 = createHash('sha256').update(bytes).digest('hex');
      const before = await prisma.delivery.findUnique({ where: { id } });
      if (before && (before.bodySha256 !== bodySha256 || before.event !== event)) fail('FARM_BAD_REQUEST', 'plan', { why: `delivery ${id} was taken with another body` });
      if (before) return before.answer as unknown as WebhookAnswer;
      const answer = await act(ports, readEvent(event, parsed(bytes)));
      // Written last: a delivery that broke half-way is taken again, and each of its acts finds what was done.
      await prisma.delivery.createMany({ data: [{ id, event, bodySha256, answer: asJson(answer) }], skipDuplicates: true });
      return answer;
    },
  };
}

/** Compares in constant time. @source GitHub: `sha256=` and the HMAC of the payload's bytes in hex */
function isSigned(bytes: Uint8Array, signature: string, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1] ?? '';
  const wanted = createHmac('sha256', secret).update(bytes).digest();
  return given !== '' && timingSafeEqual(Buffer.from(given, 'hex'), wanted);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return fail('FARM_BAD_REQUEST', 'plan', { why: 'the body is no JSON' });
  }
}

async function act(ports: WebhookPorts, event: GithubEvent): Promise<WebhookAnswer> {
  switch (event.kind) {
    case 'tag': return announced(ports, event);
    case 'installation': return installed(ports, event);
    case 'moved': return moved(ports, event);
    case 'vanished':
      await ports.database.prisma.repository.updateMany({ where: { githubId: BigInt(event.githubId) }, data: { state: 'vanished' } });
      return nothing('the repository is gone; what was published stays');
    case 'comment': return commanded(ports, event);
    case 'nothing': return nothing(event.why);
  }
}

const repositoryOf = ({ database: { prisma } }: WebhookPorts, githubId: number) =>
  prisma.repository.findFirst({ where: { githubId: BigInt(githubId) }, include: { registrations: true } });

async function announced(ports: WebhookPorts, { githubId, fullName, tag, commit }: EventOf<'tag'>): Promise<WebhookAnswer> {
  const repository = await repositoryOf(ports, githubId);
  if (!repository) return nothing(`${fullName} is not registered here`);
  const projects = projectsOf(repository.registrations, tag);
  if (projects.length === 0) return nothing(`${tag} names no version of a registered project`);
  await announce(ports, { repositoryId: repository.id, tag, commit, cause: 'webhook' });
  const versions = new Map(repository.registrations.map(({ project, subdirectory }) => [project, tagVersion(tag, [project, subdirectory])?.text ?? tag]));
  return {
    took: 'tag', releases: projects.map((project) => `${project}==${versions.get(project)}`),
    pages: projects.map((project) => `${ports.url}/projects/${encodeURIComponent(project)}`),
  };
}

/**
 * Records a tag that was announced and starts its workflow. A release comes after its tag and says no commit: it joins
 * what the tag began. An earlier tag at another commit is another announcement, which the moved tag's check stops.
 */
export async function announce(
  ports: Pick<WebhookPorts, 'database' | 'workflows'>,
  { repositoryId, tag, commit, cause }: { readonly repositoryId: string; readonly tag: string; readonly commit: string | null; readonly cause: string },
): Promise<string> {
  const { prisma } = ports.database;
  const known = commit === null ? await prisma.trigger.findFirst({ where: { repositoryId, ref: tag }, orderBy: { createdAt: 'desc' } }) : null;
  if (known) return known.id;
  const { id } = await keepTrigger(ports.database, { key: `tag ${repositoryId} ${tag} ${commit ?? ''}`, repositoryId, project: null, cause, ref: tag, commit });
  await startTrigger(ports, id);
  return id;
}

async function installed({ database: { prisma } }: WebhookPorts, { installationId, removed, repositories }: EventOf<'installation'>): Promise<WebhookAnswer> {
  const ids = repositories.map(({ githubId }) => BigInt(githubId));
  const where = removed && ids.length === 0 ? { installationId: BigInt(installationId) } : { githubId: { in: ids } };
  const changed = await prisma.repository.updateMany({ where, data: { installationId: removed ? null : BigInt(installationId) } });
  return nothing(`installation ${removed ? 'removed' : 'noted'} for ${changed.count} registered repositories`);
}

async function moved({ database, githubUrl }: WebhookPorts, { githubId, fullName }: EventOf<'moved'>): Promise<WebhookAnswer> {
  const changed = await renameRepository(database, { githubId, fullName, url: `${githubUrl}/${fullName}` });
  return nothing(changed ? `the repository is ${fullName} now` : `${fullName} is not registered here, or is known by this name`);
}

/** Records a repository's new name and its old one. False where nothing changed. */
export async function renameRepository({ prisma }: Database, now: { readonly githubId: number; readonly fullName: string; readonly url: string }): Promise<boolean> {
  return prisma.$transaction(async (tx) => {
    const before = await tx.repository.findFirst({ where: { githubId: BigInt(now.githubId) } });
    if (!before || before.url === now.url) return false;
    const formerUrls = [...(before.formerUrls as string[]).filter((url) => url !== before.url), before.url].slice(-20);
    await tx.repository.update({ where: { id: before.id }, data: { fullName: now.fullName, url: now.url, formerUrls: asJson(formerUrls), etag: null } });
    return true;
  });
}

async function commanded(ports: WebhookPorts, { githubId, issue, login, association, body, fullName }: EventOf<'comment'>): Promise<WebhookAnswer> {
  const command = readCommand(body);
  if (!command) return nothing('no command');
  const repository = await repositoryOf(ports, githubId);
  if (!repository) return nothing(`${fullName} is not registered here`);
  // The association is GitHub's word in a signed payload; who may write is asked, because a member of an organisation need not.
  if (!mayCommand(association) || !['admin', 'write', 'maintain'].includes(await ports.github.permission(repository.fullName, login))) return nothing(`${login} may not ask for a rebuild`);
  const last = await ports.database.prisma.trigger.findFirst({ where: { repositoryId: repository.id, cause: { not: 'comment' } }, orderBy: { createdAt: 'desc' } });
  const ref = command.version === null ? last?.ref : await tagFor(ports, repository.id, command.version) ?? command.version;
  if (ref === undefined) return nothing('no release was announced yet');
  const { id, isNew } = await keepTrigger(ports.database, {
    key: `comment ${repository.id} ${issue} ${createHash('sha256').update(`${login} ${body}`).digest('hex')} ${Math.floor(Date.now() / 60_000)}`,
    repositoryId: repository.id, project: null, cause: 'comment', ref, commit: null, targets: command.globs,
  });
  if (isNew) {
    await startTrigger(ports, id);
    await ports.github.comment(repository.fullName, issue, `Building ${ref} again${command.globs.length > 0 ? ` (${command.globs.map((one) => `\`${one}\``).join(' ')})` : ''}: ${ports.url}/`).catch(() => undefined);
  }
  const projects = projectsOf(repository.registrations, ref);
  return { took: 'command', releases: projects.map((project) => `${project} ${ref}`), pages: projects.map((project) => `${ports.url}/projects/${encodeURIComponent(project)}`) };
}

/** The announced tag that names a version. */
async function tagFor({ database: { prisma } }: WebhookPorts, repositoryId: string, version: string): Promise<string | undefined> {
  const known = await prisma.trigger.findMany({ where: { repositoryId }, select: { ref: true }, orderBy: { createdAt: 'desc' }, take: 500 });
  return known.find(({ ref }) => ref === version || ref === `v${version}` || ref.endsWith(`-${version}`) || ref.endsWith(`/v${version}`))?.ref;
}
