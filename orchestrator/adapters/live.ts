import { createHash } from 'node:crypto';
import type { LiveRow } from '../contract/pages.ts';
import type { Live, LiveWord } from '../page-ports.ts';
import { wordOf } from './live-word.ts';
import { followTail, type TailPorts } from './live-log.ts';
import { gridOf } from './pages/grid.ts';
import { summariesOf } from './pages/projects.ts';
import type { Changes } from './prisma/changes.ts';
import type { Database } from './prisma/database.ts';
import { projectsOfTrigger } from './prisma/registration-rows.ts';

/** At most five words a second about one project, however many cells move. */
const wordsApartMs = 200;
/** Words kept for pages that lost their connection. */
const wordsKept = 64;

/** What is told to the followers of one name; `''` is told about all projects. */
interface Topic {
  readonly followers: Set<(word: LiveWord) => void>;
  readonly kept: LiveWord[];
}

interface Writer {
  followers(project: string): number;
  say(topic: string, event: string, value: unknown): void;
}

/**
 * Port Live: one listener on the database's notifications for the whole plane. What moved is read and written as text
 * once, and that text goes to every open page.
 */
export function liveOf(ports: TailPorts & { readonly database: Database; readonly changes: Changes }): Live {
  const topics = new Map<string, Topic>();
  const plane = createHash('sha256').update(`${process.pid} ${Date.now()}`).digest('hex').slice(0, 8);
  let number = 0;
  const topicOf = (name: string): Topic => {
    const topic = topics.get(name) ?? { followers: new Set(), kept: [] };
    topics.set(name, topic);
    return topic;
  };
  const writer: Writer = {
    followers: (project) => (topics.get(project)?.followers.size ?? 0) + (topics.get('')?.followers.size ?? 0),
    say(name, event, value) {
      const topic = topics.get(name);
      if (!topic) return;
      const word = wordOf(`${plane}-${number += 1}`, event, value);
      topic.kept.push(word);
      if (topic.kept.length > wordsKept) topic.kept.shift();
      for (const follower of topic.followers) follower(word);
    },
  };
  const touched = watchBuilds(ports, writer, () => [...topics.keys()]);
  return {
    async follow(project, from) {
      const name = project ?? '';
      const topic = topicOf(name);
      for (const word of missedBy(topic, from.lastId, `${plane}-${number}`)) from.say(word);
      topic.followers.add(from.say);
      touched.listen();
      await ended(from.signal);
      topic.followers.delete(from.say);
      if (topics.get('')?.followers.size === 0) topics.delete('');
      if (topic.followers.size === 0) topics.delete(name);
      if (topics.size === 0) touched.stop();
    },
    followAttempt: (id, from) => followTail(ports, id, from),
  };
}

/** What a page that comes back has missed; `reset` says that it must read everything again. */
function missedBy(topic: Topic, lastId: string | null, now: string): LiveWord[] {
  const hello = wordOf(now, 'hello', {});
  if (lastId === null || lastId === now) return [hello];
  const at = topic.kept.findIndex(({ id }) => id === lastId);
  return at < 0 ? [wordOf(now, 'reset', {})] : [...topic.kept.slice(at + 1), hello];
}

const ended = (signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
});

interface Release { readonly project: string; readonly version: string }

/** Reads what moved, once for a moment, and tells it. Listens while somebody follows. */
function watchBuilds(
  { database, changes }: { readonly database: Database; readonly changes: Changes }, writer: Writer, names: () => readonly string[],
): { listen(): void; stop(): void } {
  const releases = new Map<string, Release>();
  const moved = new Map<string, Release>();
  let timer: NodeJS.Timeout | null = null;
  let unlisten: (() => void) | null = null;
  let reading = false;

  const releaseOf = async (buildId: string): Promise<Release | null> => {
    const known = releases.get(buildId);
    if (known) return known;
    const build = await database.prisma.build.findUnique({ where: { id: buildId }, select: { plan: { select: { release: true } } } });
    if (!build) return null;
    const { project, version } = build.plan.release;
    releases.set(buildId, { project, version });
    return { project, version };
  };
  const flush = async (): Promise<void> => {
    timer = null;
    reading = true;
    const now = [...moved.values()];
    moved.clear();
    for (const { project, version } of now) await tell(project, version).catch(() => undefined);
    reading = false;
    if (moved.size > 0) timer ??= setTimeout(() => void flush(), wordsApartMs);
  };
  const tell = async (project: string, version: string): Promise<void> => {
    if (writer.followers(project) === 0) return;
    const { shapes, rows: [row] } = await gridOf(database, project, version);
    if (row) writer.say(project, 'row', { project, targets: shapes[row.shape] ?? [], row } satisfies LiveRow);
    const { summaries: [summary] } = await summariesOf(database, project);
    if (summary) for (const topic of [project, '']) writer.say(topic, 'project', summary);
  };
  const changed = (buildId: string | null): void => {
    // Words were lost with the connection: everybody reads again.
    if (buildId === null) {
      for (const name of names()) writer.say(name, 'reset', {});
      return;
    }
    void releaseOf(buildId).then((release) => {
      if (!release) return;
      moved.set(`${release.project} ${release.version}`, release);
      if (!reading) timer ??= setTimeout(() => void flush(), wordsApartMs);
    }, () => undefined);
  };
  const announced = (triggerId: string | null): void => {
    if (triggerId === null) return;
    void projectsOfTrigger(database, triggerId).then((projects) => {
      for (const project of projects) writer.say(project, 'announced', { trigger: triggerId });
    }, () => undefined);
  };
  return {
    listen() {
      if (unlisten) return;
      const stops = [changes.every('farm_build', changed), changes.every('farm_trigger', announced)];
      unlisten = () => { for (const stop of stops) stop(); };
    },
    stop() {
      unlisten?.();
      unlisten = null;
      releases.clear();
      if (timer) clearTimeout(timer);
      timer = null;
    },
  };
}
