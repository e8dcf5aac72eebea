import { readKept, farmUrl } from './group/kept.ts';
import { FarmError, cards, failure, type Failure, type FailureCode } from '../domain/failure.ts';
import type { Places } from '../../infra/setup/places.ts';

/** What `fetch` takes as a body; Node's types do not name it. */
type Body = NonNullable<RequestInit['body']>;

/** The farm's API as the command line uses it. Paths start below `/api`. */
export class ApiClient {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** @errors FarmError of the Problem that the API answers, FARM_NOT_UP when nothing answers */
  async get<T>(path: string): Promise<T> {
    return await (await this.#ask('GET', path)).json() as T;
  }

  /** @errors as `get` */
  async post<T>(path: string, body: unknown): Promise<T> {
    const answer = await this.#ask('POST', path, JSON.stringify(body), 'application/json');
    return (answer.status === 202 || answer.status === 204 ? undefined : await answer.json()) as T;
  }

  /** Sends bytes. @errors as `get` */
  async put<T>(path: string, body: Body, signal?: AbortSignal): Promise<T> {
    return await (await this.#ask('PUT', path, body, 'application/octet-stream', signal)).json() as T;
  }

  /** Sets what an address names. @errors as `get` */
  async set<T>(path: string, body: unknown): Promise<T> {
    return await (await this.#ask('PUT', path, JSON.stringify(body), 'application/json')).json() as T;
  }

  /** Removes what an address names. @errors as `get` */
  async remove(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  /**
   * An answer as it arrives, in pieces of text.
   * @errors as `get`; FARM_NOT_UP when the connection breaks in the middle
   */
  async *stream(path: string, signal?: AbortSignal): AsyncGenerator<string> {
    const answer = await this.#ask('GET', path, undefined, undefined, signal);
    if (!answer.body) return;
    try {
      const decoder = new TextDecoder();
      for await (const bytes of answer.body) yield decoder.decode(bytes, { stream: true });
    } catch (error) {
      if (!signal?.aborted) throw silent(error);
    }
  }

  /**
   * Server-sent events: the parsed `data` of each.
   * @errors as `stream`
   */
  async *events<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    let text = '';
    for await (const piece of this.stream(path, signal)) {
      const blocks = (text + piece).split(/\r?\n\r?\n/);
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const lines = block.split(/\r?\n/).filter((line) => line.startsWith('data:'));
        if (lines.length > 0) yield JSON.parse(lines.map((line) => line.slice(5).trimStart()).join('\n')) as T;
      }
    }
  }

  async #ask(method: string, path: string, body?: Body, type?: string, signal?: AbortSignal): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}`, ...(type ? { 'content-type': type } : {}) };
    const sending = body === undefined ? {} : { body, duplex: 'half' as const };
    let answer: Response;
    try {
      answer = await fetch(`${this.url}/api${path}`, { method, headers, ...sending, ...(signal ? { signal } : {}) });
    } catch (error) {
      throw silent(error);
    }
    if (answer.ok) return answer;
    throw new FarmError(failureOfProblem(answer.status, await answer.text()));
  }
}

/**
 * The client of the farm of this checkout.
 * @errors FARM_NOT_UP when the farm was never up
 */
export function clientOf(places: Places): ApiClient {
  const kept = readKept(places.home);
  if (!kept) throw new FarmError(failure('FARM_NOT_UP', 'plan', { why: 'it was never started here' }));
  return new ApiClient(farmUrl(kept.ports), kept.secrets.apiToken);
}

/** The failure that an answer tells: its Problem, or the status where there is none. Pure. */
export function failureOfProblem(status: number, text: string): Failure {
  let problem: Record<string, unknown> = {};
  try {
    problem = Object(JSON.parse(text)) as Record<string, unknown>; // null and numbers too
  } catch { /* not a Problem: a proxy or a crash answered */ }
  const { code, detail, next, evidence } = problem;
  if (typeof code !== 'string' || !(code in cards)) {
    return failure('FARM_INTERNAL', 'plan', { why: `the API answered ${status}: ${text.slice(0, 200)}` });
  }
  const base = failure(code as FailureCode, 'plan');
  return {
    ...base,
    message: typeof detail === 'string' ? detail : base.message,
    next: typeof next === 'string' ? next : base.next,
    ...(isEvidence(evidence) ? { evidence } : {}),
  };
}

function isEvidence(value: unknown): value is NonNullable<Failure['evidence']> {
  return typeof value === 'object' && value !== null && typeof (value as { text?: unknown }).text === 'string';
}

function silent(error: unknown): FarmError {
  const cause = (error as { cause?: { code?: string } }).cause?.code;
  return new FarmError(failure('FARM_NOT_UP', 'plan', { why: cause ?? (error as Error).message }));
}
