import { failure, FarmError, type Failure } from '../domain/failure.ts';
import { isVersionTag, tagVersion } from '../domain/repository.ts';
import type { Github, Triggers } from '../github-ports.ts';
import type { Builds, Sources, Workflows } from '../ports.ts';
import type { Registration, Repository, Trigger } from './prisma/client/client.ts';
import { asJson, noJson, type Database } from './prisma/database.ts';
import { partsOf, tellTrigger, type TriggerPart } from './prisma/registration-rows.ts';
import { checkSummary } from './trigger-report.ts';

export interface TriggerPorts {
  readonly database: Database;
  readonly sources: Sources;
  readonly builds: Builds;
  readonly github: Github;
  readonly workflows: Pick<Workflows, 'startTrigger' | 'isOpen'>;
  /** Address of the farm, no slash at the end. */
  readonly url: string;
}

type Full = Trigger & { repository: (Repository & { registrations: Registration[] }) | null };

/** Port Triggers: every step is written before the next, so a step that was done twice finds what the first did. */
export function prismaTriggers(ports: TriggerPorts): Triggers {
  const { database: { prisma } } = ports;
  return {
    async advance(id) {
      const trigger = await prisma.trigger.findUnique({ where: { id }, include: { repository: { include: { registrations: true } } } });
      if (!trigger || trigger.state === 'ended' || trigger.state === 'failed') return 'ended';
      try {
        const state = await step(ports, trigger);
        if (trigger.failure !== null) await prisma.trigger.update({ where: { id }, data: { failure: noJson } });
        return state;
      } catch (error) {
        // What waits for a server is shown while it waits; Temporal asks again.
        if (error instanceof FarmError) {
          await prisma.trigger.update({ where: { id }, data: { failure: asJson(error.failure) } });
          await tellTrigger(ports.database, id);
        }
        throw error;
      }
    },
  };
}

async function step(ports: TriggerPorts, trigger: Full): Promise<'wait' | 'ended'> {
  if (trigger.state === 'received') return begin(ports, trigger);
  if (trigger.state === 'making') return startBuilds(ports, trigger);
  return finish(ports, trigger);
}

/** The projects that a tag is of: those whose version it names; every other tag is nobody's. */
export function projectsOf(registrations: readonly Pick<Registration, 'project' | 'subdirectory'>[], tag: string): readonly string[] {
  const named = registrations.filter(({ project, subdirectory }) => tagVersion(tag, [project, subdirectory]) !== null);
  // In a repository of one project any prefix is its own.
  const [only, ...more] = registrations;
  if (named.length === 0 && only && more.length === 0 && isVersionTag(tag)) return [only.project];
  return named.map(({ project }) => project);
}

async function begin(ports: TriggerPorts, trigger: Full): Promise<'wait' | 'ended'> {
  const { repository, ref, project } = trigger;
  if (!repository) return save(ports, trigger, [emptyPart(project ?? '', ref)], 'making');
  const projects = project === null ? projectsOf(repository.registrations, ref) : [project];
  const wanted = repository.registrations.filter((one) => projects.includes(one.project));
  const parts: TriggerPart[] = [];
  for (const one of wanted) {
    const version = tagVersion(ref, [one.project, one.subdirectory])?.text ?? null;
    const what = `${repository.url}@refs/tags/${ref}${one.subdirectory === '' ? '' : `#${one.subdirectory}`}`;
    parts.push(await asPart(emptyPart(one.project, version), async () => ({ sourceId: (await ports.sources.addGit(what)).id })));
  }
  return save(ports, trigger, parts, parts.some(({ sourceId }) => sourceId !== null) ? 'making' : 'failed');
}

async function startBuilds(ports: TriggerPorts, trigger: Full): Promise<'wait' | 'ended'> {
  const parts: TriggerPart[] = [];
  for (const part of partsOf(trigger.parts)) {
    if (part.buildId !== null || part.failure !== null) parts.push(part);
    else parts.push(await startBuild(ports, trigger, part));
  }
  const waits = parts.some(({ buildId, failure: value }) => buildId === null && value === null);
  if (waits) return save(ports, trigger, parts, 'making');
  const built = parts.some(({ buildId }) => buildId !== null);
  const state = await save(ports, trigger, parts, built ? 'building' : 'failed');
  await report(ports, trigger, parts);
  return state;
}

async function startBuild({ database, sources, builds }: TriggerPorts, trigger: Full, part: TriggerPart): Promise<TriggerPart> {
  if (part.sourceId !== null) {
    const source = await sources.view(part.sourceId);
    if (source.state === 'making') return part;
    if (source.failure) return { ...part, failure: source.failure };
  }
  const registration = await database.prisma.registration.findUnique({ where: { project: part.project } });
  const own = trigger.targets as string[];
  const targets = own.length > 0 ? own : (registration?.targets ?? []) as string[];
  return asPart(part, async () => {
    const view = await builds.start({
      what: part.sourceId === null ? `${part.project}==${trigger.ref}` : '', ...(part.sourceId === null ? {} : { source: part.sourceId }),
      targets, again: trigger.cause === 'comment',
    });
    return { buildId: view.id, version: view.version };
  });
}

async function finish(ports: TriggerPorts, trigger: Full): Promise<'wait' | 'ended'> {
  const parts = partsOf(trigger.parts);
  const views = await Promise.all(parts.flatMap(({ buildId }) => (buildId === null ? [] : [ports.builds.view(buildId)])));
  if (views.some(({ state }) => state === 'running')) return 'wait';
  await report(ports, trigger, parts);
  return save(ports, trigger, parts, 'ended');
}

/** Tells GitHub, where the farm's App is there; a farm without one is no failure of the release. */
async function report({ builds, github, sources, url }: TriggerPorts, { repository }: Full, parts: readonly TriggerPart[]): Promise<void> {
  if (!repository) return;
  for (const part of parts) {
    const view = part.buildId === null ? null : await builds.view(part.buildId);
    const commit = view?.git?.commit ?? (part.sourceId === null ? undefined : (await sources.view(part.sourceId)).git?.commit);
    if (commit === undefined) continue;
    const page = `${url}/projects/${encodeURIComponent(part.project)}`;
    try {
      await github.check({ fullName: repository.fullName, commit, name: `wheels: ${part.project}`, url: page, ...checkSummary(part, view, page) });
    } catch (error) {
      const code = error instanceof FarmError ? error.failure.code : null;
      if (code !== 'FARM_REPOSITORY_UNKNOWN' && code !== 'FARM_GITHUB_TOKEN') throw error;
    }
  }
}

const emptyPart = (project: string, version: string | null): TriggerPart => ({ project, version, sourceId: null, buildId: null, failure: null });

/** A failure that will not mend itself ends the part; any other is thrown and tried again. */
async function asPart(part: TriggerPart, work: () => Promise<Partial<TriggerPart>>): Promise<TriggerPart> {
  try {
    return { ...part, ...await work() };
  } catch (error) {
    if (error instanceof FarmError && error.failure.retry === 'never') return { ...part, failure: error.failure as TriggerPart['failure'] };
    throw error;
  }
}

async function save({ database }: TriggerPorts, trigger: Full, parts: readonly TriggerPart[], state: string): Promise<'wait' | 'ended'> {
  const nothing: Failure | null = parts.length === 0 ? failure('FARM_NOT_FOUND', 'plan', { thing: `registered project whose version ${trigger.ref} names` }) : null;
  await database.prisma.trigger.update({
    where: { id: trigger.id }, data: { parts: asJson(parts), state, ...(nothing ? { failure: asJson(nothing) } : {}) },
  });
  if (state !== trigger.state) await tellTrigger(database, trigger.id);
  return state === 'ended' || state === 'failed' ? 'ended' : 'wait';
}

/** Starts the workflow of a trigger. Where Temporal does not answer, the row stays and the sweep tries again. */
export async function startTrigger({ database, workflows }: Pick<TriggerPorts, 'database' | 'workflows'>, id: string): Promise<void> {
  const started = await workflows.startTrigger(id).then(() => true, () => false);
  if (started) await database.prisma.trigger.updateMany({ where: { id, workflowStartedAt: null }, data: { workflowStartedAt: new Date() } });
}

/** Starts what has a row and no workflow. */
export async function sweepTriggers(ports: Pick<TriggerPorts, 'database' | 'workflows'>): Promise<void> {
  const open = await ports.database.prisma.trigger.findMany({ where: { state: { in: ['received', 'making', 'building'] }, workflowStartedAt: null }, take: 100 });
  for (const { id } of open) await startTrigger(ports, id);
}
