/** The doors behind the dashboard. Adapters implement them. */
import type { AttemptPage, FeedView, FileView, ProjectsView, ProjectSummary, QueueView, WorkersView } from './contract/pages.ts';

/** An answer as it goes out, kept until it is another one. The ETag stands in quotes. */
export interface KeptText {
  readonly etag: string;
  readonly json: Buffer;
  readonly gzip: Buffer;
}

/** What the pages read. Laws: nothing is written; an unknown name is FARM_NOT_FOUND; what was committed before the question is in the answer. */
export interface Pages {
  projects(): Promise<ProjectsView>;
  /** Null where the project is unknown. */
  summary(name: string): Promise<ProjectSummary | null>;
  /** ProjectView as JSON. */
  project(name: string): Promise<KeptText>;
  attempt(id: string): Promise<AttemptPage>;
  sbom(attemptId: string): Promise<NodeJS.ReadableStream>;
  file(filename: string): Promise<FileView>;
  queue(): Promise<QueueView>;
  workers(): Promise<WorkersView>;
  /** Publishes before a serial, newest first. */
  feed(before: number | null, limit: number): Promise<FeedView>;
}

/** One word of a live stream, already text: `id`, `event` and `data` of a server-sent event. */
export interface LiveWord {
  readonly id: string;
  readonly text: string;
}

/**
 * What moves, told to open pages. Laws: the database is read once for all pages that watch the same thing; a follower
 * that gives the id of its last word gets what it missed, or a word `reset` where that is not known any more.
 */
export interface Live {
  /** Follows one project, or all of them where `project` is null, until the signal aborts. */
  follow(project: string | null, from: Followed): Promise<void>;
  /** Follows log and state of one attempt from a byte of its log on. @errors FARM_NOT_FOUND */
  followAttempt(id: string, from: Followed & { readonly offset: number }): Promise<void>;
}

export interface Followed {
  /** The id of the last word that was seen; null for a new page. */
  readonly lastId: string | null;
  readonly say: (word: LiveWord) => void;
  readonly signal: AbortSignal;
}
