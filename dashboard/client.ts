/** Asks the API. Answers and bodies have the types of its own document. */
import createClient from 'openapi-fetch';
import { farmUrl } from './address.ts';
import type { paths } from './openapi.ts';

export const client = createClient<paths>({ baseUrl: farmUrl(), credentials: 'same-origin' });

/** What went wrong, in the farm's own words. */
export class Refused extends Error {
  readonly code: string;
  readonly next: string;
  readonly status: number;
  constructor(problem: unknown, status: number) {
    const { code, detail, next } = Object(problem) as { code?: unknown; detail?: unknown; next?: unknown };
    super(typeof detail === 'string' ? detail : `The farm answered ${status}.`);
    this.code = typeof code === 'string' ? code : 'FARM_INTERNAL';
    this.next = typeof next === 'string' ? next : '';
    this.status = status;
  }
}

/** The answer of a request. @errors Refused with the Problem; a connection that failed is one, too */
export async function answerOf<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer: { data?: T; error?: unknown; response: Response };
  try {
    answer = await asked;
  } catch {
    throw new Refused({ code: 'FARM_NOT_UP', detail: 'The farm does not answer.', next: 'Start it: ./farm up' }, 0);
  }
  if (!answer.response.ok) throw new Refused(answer.error, answer.response.status);
  return answer.data as T;
}

type Get<P extends keyof paths> = paths[P] extends { get: { responses: { '2XX': { content: { 'application/json': infer T } } } } } ? T : never;
export type ProjectsView = Get<'/api/projects'>;
export type ProjectView = Get<'/api/projects/{name}'>;
export type ProjectSummary = ProjectsView['projects'][number];
export type GridRow = ProjectView['rows'][number];
export type BuildView = Get<'/api/builds/{id}'>;
export type CellView = BuildView['cells'][number];
export type AttemptPage = Get<'/api/attempts/{id}/page'>;
export type AttemptView = AttemptPage['attempt'];
export type FileView = Get<'/api/files/{filename}'>;
export type QueueView = Get<'/api/queue'>;
export type WorkersView = Get<'/api/workers'>;
export type FeedView = Get<'/api/feed'>;
export type EditView = Get<'/api/edits/{id}'>;
export type EditPreview = paths['/api/edits/preview']['post']['responses']['2XX']['content']['application/json'];
export type Proposal = paths['/api/registrations/proposal']['post']['responses']['2XX']['content']['application/json'];
export type TriggerView = Get<'/api/triggers'>[number];
export type AlertView = Get<'/api/alerts'>[number];
export type RegistrationView = Get<'/api/registrations'>[number];
export type GithubView = Get<'/api/github'>;
export type Failure = NonNullable<CellView['failure']>;
