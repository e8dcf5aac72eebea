/** One HTTP request of the worker to the control plane, by undici. Behind a type, so that a test can answer. */
import { Agent, request } from 'undici';
import type { Readable } from 'node:stream';

export interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** From `/worker/` on. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Read it to its end or destroy it. */
  readonly body: Readable;
}

/** @errors what the network throws; the door tries again */
export type Send = (sent: Sent) => Promise<Answer>;

/** Headers must come within 30 s; a body may go on for as long as bytes come. */
const answerMsMax = 30_000;

/** Sends to the control plane at `url`. */
export function httpSend(url: string): Send {
  const agent = new Agent({
    connections: 32, connectTimeout: 5000, headersTimeout: answerMsMax, bodyTimeout: answerMsMax,
  });
  return async ({ method, path, headers, body, signal }) => {
    const answer = await request(new URL(path, url), {
      method, headers, dispatcher: agent,
      ...(body === undefined ? {} : { body }), ...(signal === undefined ? {} : { signal }),
    });
    return { status: answer.statusCode, body: answer.body };
  };
}
