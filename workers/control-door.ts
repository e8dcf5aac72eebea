/**
 * The worker's side of `/worker/*`. A control plane that restarts must not cost a build: requests are tried again for
 * a minute. A lease that was replaced (409) or whose build ended (410) stops the attempt.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { cards, fail, FarmError, failure } from '../orchestrator/domain/failure.ts';
import type { Card, Failure, FailureCode } from '../orchestrator/domain/failure.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import type {
  BlobInput, LastWords, LeaseGrant, LeaseRequest, LockAnswer, LockReport, Outcome, StepEvent,
} from '../orchestrator/contract/worker.ts';
import type { InputCache } from './input-cache.ts';
import type { Answer, Send, Sent } from './send.ts';

/** What the control plane refused: never the project's fault. */
export class DoorError extends FarmError {}

/** True where another delivery goes on, or nothing is to be done any more: the attempt stops quietly. */
export const isOver = (error: unknown): boolean =>
  error instanceof DoorError && (error.failure.code === 'FARM_LEASE_STALE' || error.failure.code === 'FARM_ENDED');

/** True where the control plane does not know this worker's token, or not any more: another worker may go on. */
export const isUnwelcome = (error: unknown): boolean => error instanceof DoorError && error.failure.code === 'FARM_UNAUTHORIZED';

export interface LeaseDoor {
  /** The bytes of an input as a file of this worker, digest checked. @errors FARM_DIGEST_MISMATCH */
  input(blob: Pick<BlobInput, 'sha256' | 'bytes'>): Promise<string>;
  /** An input for a box: few bytes that came with the lease, digest checked, else its file. @errors FARM_DIGEST_MISMATCH */
  content(blob: Pick<BlobInput, 'sha256' | 'bytes'>): Promise<Uint8Array | { readonly file: string }>;
  /** Forgets an input that is not needed again: an image's root tar after it was loaded. */
  forget(sha256: string): Promise<void>;
  output(file: string, sha256: string, bytes: number): Promise<void>;
  /** Adds to the log; answers where the next bytes go. Bytes that the control plane has already are not sent twice. */
  log(offset: number, bytes: Uint8Array): Promise<number>;
  /** In their order. */
  events(events: readonly StepEvent[]): Promise<void>;
  lock(report: LockReport): Promise<LockAnswer>;
  outcome(outcome: Outcome, beside: Beside): Promise<void>;
}

/** What was not sent before the outcome and goes with it. */
export interface Beside {
  readonly events: readonly StepEvent[];
  readonly log: { readonly offset: number; readonly bytes: Uint8Array } | null;
  readonly output: { readonly sha256: string; readonly bytes: Uint8Array } | null;
  readonly lock: readonly Locked[] | null;
}

export interface ControlDoor {
  /** @errors FARM_LEASE_STALE, FARM_ENDED (see `isOver`) */
  lease(request: LeaseRequest): Promise<LeaseGrant>;
  of(grant: LeaseGrant): LeaseDoor;
}

export interface DoorOptions {
  readonly send: Send;
  readonly token: string;
  readonly cache: InputCache;
  readonly pause: (ms: number) => Promise<void>;
  /** Called when a lease is refused because of the token: it was revoked, and taking more work would only break it. */
  readonly unwelcome?: () => void;
  /** Milliseconds; only differences count. */
  readonly now: () => number;
}

const triesMsMax = 60_000;
const pauseMsFirst = 100;
const pauseMsMax = 5000;
/** Trying again within a minute does not mend these. */
const lasting = new Set<string>(['FARM_IMAGE_MISSING', 'FARM_NO_SPACE']);

/**
 * The door to the control plane.
 * @errors of every call: FARM_NOT_UP after a minute without an answer, else the code that the control plane answers
 */
export function controlDoor(options: DoorOptions): ControlDoor {
  const { token } = options;
  const ask = (sent: AskOrder) => asked(options, sent);
  return {
    async lease(request) {
      const answer = await ask({ method: 'POST', path: '/worker/leases', headers: auth(token), json: request }).catch((error: unknown) => {
        if (isUnwelcome(error)) options.unwelcome?.();
        throw error;
      });
      return (await readJson(answer)) as LeaseGrant;
    },
    of: (grant) => leaseDoor(options, grant, ask),
  };
}

export interface AskOrder extends Omit<Sent, 'body'> {
  readonly json?: unknown;
  /** Made anew for every try. */
  readonly body?: () => Sent['body'];
  /** Statuses beside 2xx that the caller reads itself, unless the body has a failure code. */
  readonly also?: number;
}

/** Headers of a request with a token, and of one about a lease. */
export const auth = (token: string, secret?: string): Record<string, string> =>
  ({ authorization: `Bearer ${token}`, ...(secret === undefined ? {} : { 'x-lease-secret': secret }) });

function leaseDoor(
  { token, cache }: DoorOptions, grant: LeaseGrant, ask: (sent: AskOrder) => Promise<Answer>,
): LeaseDoor {
  const headers = auth(token, grant.secret);
  const at = (rest: string) => `/worker/leases/${grant.leaseId}/${rest}`;
  const post = async (rest: string, json: unknown): Promise<Answer> =>
    ask({ method: 'POST', path: at(rest), headers, json });
  const input: LeaseDoor['input'] = (blob) =>
    cache.get(blob, async () => (await ask({ method: 'GET', path: at(`inputs/${blob.sha256}`), headers })).body);
  return {
    input,
    content: async (blob) => {
      const small = grant.small?.[blob.sha256];
      return small === undefined ? { file: await input(blob) } : checked(Buffer.from(small, 'base64'), blob.sha256);
    },
    forget: (sha256) => cache.drop(sha256),
    async output(file, sha256, bytes) {
      await drain(await ask({
        method: 'PUT', path: at(`outputs/${sha256}`), body: () => createReadStream(file),
        headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': String(bytes) },
      }));
    },
    async log(offset, bytes) {
      return appendLog((from, part) => ask({
        method: 'POST', path: at(`log?offset=${from}`), also: 409, body: () => part,
        headers: { ...headers, 'content-type': 'application/octet-stream' },
      }), offset, bytes);
    },
    events: async (events) => drain(await post('events', events)),
    lock: async (report) => (await readJson(await post('lock', report))) as LockAnswer,
    outcome: async (outcome, beside) => drain(await post('end', lastWords(outcome, beside))),
  };
}

/** @errors FARM_DIGEST_MISMATCH */
function checked(bytes: Uint8Array, sha256: string): Uint8Array {
  const found = createHash('sha256').update(bytes).digest('hex');
  return found === sha256 ? bytes : fail('FARM_DIGEST_MISMATCH', 'fetch', { file: 'An input', found, expected: sha256 });
}

function lastWords(outcome: Outcome, { events, log, output, lock }: Beside): LastWords {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  return {
    outcome,
    ...(events.length > 0 ? { events: [...events] } : {}),
    ...(log ? { log: { offset: log.offset, bytes: text(log.bytes) } } : {}),
    ...(output ? { output: { sha256: output.sha256, bytes: text(output.bytes) } } : {}),
    ...(lock ? { lock: [...lock] } : {}),
  };
}

/** After a wrong offset the control plane says the right one: what it has is skipped, what it lost stays lost. */
async function appendLog(
  post: (offset: number, bytes: Uint8Array) => Promise<Answer>, offset: number, bytes: Uint8Array,
): Promise<number> {
  let from = offset;
  let left = bytes;
  for (let tries = 0; left.length > 0 && tries < 5; tries += 1) {
    const answer = await post(from, left);
    const said = (await readJson(answer)) as { offset: number };
    const has = answer.status < 300 ? left.length : said.offset - from;
    left = left.subarray(has >= 0 && has <= left.length ? has : 0);
    from = said.offset;
  }
  return from;
}

/**
 * Asks until there is an answer that stands, for a minute at most.
 * @errors DoorError: FARM_NOT_UP after a minute without an answer, else the code that the control plane answers
 */
export async function asked({ send, pause, now }: Omit<DoorOptions, 'token' | 'cache'>, { json, body, also, ...order }: AskOrder): Promise<Answer> {
  const started = now();
  const headers = json === undefined ? order.headers : { ...order.headers, 'content-type': 'application/json' };
  for (let wait = pauseMsFirst; ; wait = Math.min(2 * wait, pauseMsMax)) {
    const sent = json === undefined ? body?.() : new TextEncoder().encode(JSON.stringify(json));
    const answer = await send({ ...order, headers, ...(sent === undefined ? {} : { body: sent }) })
      .then((made) => judged(made, also),
        (error: Error) => ({ again: failure('FARM_NOT_UP', 'plan', { why: error.message }) }));
    if (!('again' in answer)) return answer;
    if (now() - started + wait > triesMsMax) throw new DoorError(answer.again);
    await pause(wait);
  }
}

/** @errors DoorError where the control plane said no for good */
async function judged(answer: Answer, also: number | undefined): Promise<Answer | { again: Failure }> {
  if (answer.status < 300) return answer;
  const text = await readText(answer);
  const problem = parsed(text);
  const refused = refusal(problem, answer.status, text);
  if (answer.status === also && typeof problem['code'] !== 'string') return { status: also, body: answerBody(text) };
  if (answer.status >= 500 && !lasting.has(refused.code)) return { again: refused };
  throw new DoorError(refused);
}

function refusal(problem: Record<string, unknown>, status: number, text: string): Failure {
  const code = String(problem['code'] ?? '');
  if (!(code in cards)) return failure('FARM_NOT_UP', 'plan', { why: `status ${status}: ${text.slice(0, 200)}` });
  const card: Card = cards[code as FailureCode];
  return {
    code: code as FailureCode, step: 'plan', blame: card.blame, retry: card.retry,
    message: String(problem['detail'] ?? card.says), next: String(problem['next'] ?? card.next),
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

async function readText(answer: Answer): Promise<string> {
  let text = '';
  for await (const part of answer.body) text += String(part);
  return text;
}

const answerBody = (text: string): Answer['body'] => Readable.from([text]);
/** The answer's body as JSON. */
export const readJson = async (answer: Answer): Promise<unknown> => JSON.parse(await readText(answer));
const drain = async (answer: Answer): Promise<void> => void (await readText(answer));
