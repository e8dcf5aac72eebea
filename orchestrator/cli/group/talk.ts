import { connect } from 'node:net';
import { socketPath } from './kept.ts';
import type { PartStatus } from './part-process.ts';

/** What the command line asks the supervisor; one JSON line each way. */
export type Question = { readonly ask: 'status' } | { readonly ask: 'stop' } | { readonly ask: 'restart'; readonly part: string };

export type Reply =
  | { readonly ok: true; readonly pid: number; readonly parts: readonly PartStatus[] }
  | { readonly ok: false; readonly error: string };

/**
 * Asks the supervisor of a farm.
 * @param msMax gives up after this long
 * @returns undefined when no supervisor listens or it does not answer
 */
export async function talk(home: string, question: Question, msMax = 3_000): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath(home));
    let text = '';
    const timer = setTimeout(() => socket.destroy(), msMax);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(question)}\n`));
    socket.on('data', (chunk: string) => { text += chunk; });
    socket.on('error', () => { /* `close` follows */ });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text.endsWith('\n') ? JSON.parse(text) as Reply : undefined);
    });
  });
}
