/** Rows of registrations, triggers and alerts, written and read. */
import { randomUUID } from 'node:crypto';
import type { Acknowledgement, AlertView, RegistrationView, TriggerView } from '../../contract/registrations.ts';
import { fail } from '../../domain/failure.ts';
import type { NameProof } from '../../domain/registration.ts';
import type { AlertFilter } from '../../github-ports.ts';
import type { Alert } from './client/client.ts';
import { asJson, type Database, type Tx } from './database.ts';
import { asFailure } from './rows.ts';

export interface KeptRegistration {
  readonly project: string;
  readonly subdirectory: string;
  readonly targets: readonly string[];
  readonly proof: NameProof;
  readonly by: string;
  readonly versions: readonly string[];
  readonly repository: null | {
    readonly id: number; readonly fullName: string; readonly url: string; readonly defaultBranch: string; readonly tags: Readonly<Record<string, string>>;
  };
}

/** Writes a registration and its repository. The same again changes its targets. @errors FARM_REGISTERED for another repository */
export async function keepRegistration({ prisma }: Database, kept: KeptRegistration): Promise<void> {
  const { project, subdirectory, targets, proof, by: registeredBy, versions, repository } = kept;
  await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`registration ${project}`}, 0))`;
    const repositoryId = repository ? await repositoryRow(tx, repository) : null;
    const before = await tx.registration.findUnique({ where: { project }, include: { repository: true } });
    if (before && (before.repositoryId !== repositoryId || before.subdirectory !== subdirectory)) {
      fail('FARM_REGISTERED', 'plan', { project, owner: before.repository?.fullName ?? 'the index' });
    }
    const data = { repositoryId, subdirectory, targets: asJson(targets), proof: asJson(proof), registeredBy, versions: asJson(versions) };
    await tx.registration.upsert({ where: { project }, create: { project, ...data }, update: { targets: data.targets, proof: data.proof } });
    if (repository) {
      await tx.project.createMany({ data: [{ name: project, displayName: project, held: true }], skipDuplicates: true });
      await tx.project.updateMany({ where: { name: project }, data: { held: true } });
    }
  });
}

async function repositoryRow(tx: Tx, { id: githubId, fullName, url, defaultBranch, tags }: NonNullable<KeptRegistration['repository']>): Promise<string> {
  const before = await tx.repository.findFirst({ where: { OR: [{ githubId: BigInt(githubId) }, { url }] } });
  if (before) return before.id;
  const made = await tx.repository.create({ data: { id: randomUUID(), githubId: BigInt(githubId), fullName, url, defaultBranch, tags: asJson(tags) } });
  return made.id;
}

/** Registrations as people see them. @shape url address of the farm */
export async function registrationViews({ prisma }: Database, url: string, where: { readonly project?: string }): Promise<RegistrationView[]> {
  const rows = await prisma.registration.findMany({ where, include: { repository: true }, orderBy: { project: 'asc' } });
  return rows.map(({ project, repository, subdirectory, targets, proof, registeredBy, createdAt, failure }) => ({
    project, subdirectory, registeredBy, createdAt: createdAt.toISOString(), targets: targets as string[],
    proof: proof as unknown as NameProof, failure: asFailure(failure) as RegistrationView['failure'], page: `${url}/projects/${encodeURIComponent(project)}`,
    repository: repository && {
      fullName: repository.fullName, url: repository.url, state: repository.state, formerUrls: repository.formerUrls as string[],
      polledAt: repository.polledAt?.toISOString() ?? null, failure: asFailure(repository.failure) as RegistrationView['failure'],
    },
  }));
}

/** A project of an announced release and how far it is. */
export interface TriggerPart {
  readonly project: string;
  readonly version: string | null;
  readonly sourceId: string | null;
  readonly buildId: string | null;
  readonly failure: TriggerView['failure'];
}
export const partsOf = (value: unknown): readonly TriggerPart[] => (value ?? []) as readonly TriggerPart[];

/** Announced releases, newest first. */
export async function triggerViews({ prisma }: Database, { limit, project }: { readonly limit: number; readonly project?: string }): Promise<TriggerView[]> {
  const ofProject = project === undefined ? {} : { OR: [{ project }, { repository: { registrations: { some: { project } } } }] };
  const rows = await prisma.trigger.findMany({ where: ofProject, include: { repository: true }, orderBy: { createdAt: 'desc' }, take: limit });
  return rows.map((row) => ({
    id: row.id, repository: row.repository?.fullName ?? null, project: row.project, cause: row.cause, ref: row.ref, commit: row.commit, state: row.state,
    parts: partsOf(row.parts).map((part) => ({ ...part })), failure: asFailure(row.failure) as TriggerView['failure'],
    createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString(),
  }));
}

/** Tells open pages that an announced release moved on. */
export async function tellTrigger({ pool }: Database, id: string): Promise<void> {
  await pool.query("select pg_notify('farm_trigger', $1)", [id]);
}

/** The projects whose pages show a trigger. */
export async function projectsOfTrigger({ prisma }: Database, id: string): Promise<readonly string[]> {
  const row = await prisma.trigger.findUnique({ where: { id }, include: { repository: { include: { registrations: { select: { project: true } } } } } });
  if (!row) return [];
  return row.project === null ? (row.repository?.registrations ?? []).map(({ project }) => project) : [row.project];
}

/** Alerts, newest first; those of a project are also those of its repository. */
export async function alertViews({ prisma }: Database, { limit, project, all = false }: AlertFilter): Promise<AlertView[]> {
  const registration = project === undefined ? null : await prisma.registration.findUnique({ where: { project }, include: { repository: true } });
  const where = project === undefined ? {} : { OR: [{ project }, ...(registration?.repository ? [{ project: null, repository: registration.repository.url }] : [])] };
  const rows = await prisma.alert.findMany({ where: { ...where, ...(all ? {} : { acknowledgedAt: null }) }, orderBy: { createdAt: 'desc' }, take: limit });
  return rows.map(alertView);
}

const alertView = ({ id, project, repository, failure, createdAt, acknowledgedAt: at, acknowledgedBy: by, acknowledgedWhy: why }: Alert): AlertView => ({
  id, project, repository, failure: asFailure(failure) as unknown as AlertView['failure'], createdAt: createdAt.toISOString(),
  acknowledged: at === null ? null : { by: by ?? '', why: why ?? '', at: at.toISOString() },
});

/** Records who has seen to an alert and tells the pages that show it. A later word changes nothing. @errors FARM_NOT_FOUND */
export async function acknowledgeAlert(database: Database, id: string, { by, why }: Acknowledgement, now: Date): Promise<AlertView> {
  const { prisma } = database;
  await prisma.alert.updateMany({ where: { id, acknowledgedAt: null }, data: { acknowledgedAt: now, acknowledgedBy: by, acknowledgedWhy: why.trim() } });
  const alert = await prisma.alert.findUnique({ where: { id } }) ?? fail('FARM_NOT_FOUND', 'plan', { thing: `alert ${id}` });
  if (alert.repository !== null) await tellRepository(database, { url: alert.repository });
  return alertView(alert);
}

/** The project of an alert; null where it is of none, or of a repository of several: then it is the whole farm's. */
export async function projectOfAlert({ prisma }: Pick<Database, 'prisma'>, id: string): Promise<string | null> {
  const alert = await prisma.alert.findUnique({ where: { id } });
  if (!alert || alert.project !== null || alert.repository === null) return alert?.project ?? null;
  const found = await prisma.registration.findMany({ where: { repository: { url: alert.repository } }, select: { project: true }, take: 2 });
  return found.length === 1 ? found[0]?.project ?? null : null;
}

/** Tells the open pages of a repository's projects to read again what is announced; by its newest announcement. */
export async function tellRepository(database: Database, where: { readonly url: string } | { readonly id: string }): Promise<void> {
  const newest = await database.prisma.trigger.findFirst({ where: { repository: where }, orderBy: { createdAt: 'desc' }, select: { id: true } });
  if (newest) await tellTrigger(database, newest.id);
}

/**
 * Records an announced release; the same announcement again answers the first.
 * @shape key says what is the same: repository, tag and commit, or project and version
 */
export async function keepTrigger(
  database: Database,
  trigger: { readonly key: string; readonly repositoryId: string | null; readonly project: string | null; readonly cause: string; readonly ref: string; readonly commit: string | null; readonly targets?: readonly string[] },
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  const { prisma } = database;
  const { key, targets = [], ...data } = trigger;
  const id = randomUUID();
  const made = await prisma.trigger.createMany({ data: [{ id, key, targets: asJson(targets), ...data }], skipDuplicates: true });
  if (made.count === 1) {
    await tellTrigger(database, id);
    return { id, isNew: true };
  }
  return { id: (await prisma.trigger.findUniqueOrThrow({ where: { key } })).id, isNew: false };
}
