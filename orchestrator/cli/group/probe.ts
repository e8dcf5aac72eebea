import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import type { Probe } from './parts.ts';

/** A probe that hangs this long is a no. @unit milliseconds */
const probeMsMax = 1_000;

/**
 * Asks once whether a part is ready.
 * @param log file that the part prints into
 * @param logFrom size of that file when the part was started: older lines do not count
 */
export async function isReady(probe: Probe, log: string, logFrom: number): Promise<boolean> {
  switch (probe.kind) {
    case 'tcp': return connects(probe.port);
    case 'postgres': return asksForPassword(probe.port);
    case 'http': return answers(probe.url);
    case 'line': return printedSince(log, logFrom).includes(probe.text);
    case 'ended': return false; // told by its exit status
  }
}

async function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: probeMsMax });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/**
 * Whether Postgres goes on to authentication: its first byte is `R`; `E` while it starts up, recovers or shuts down.
 * @source PostgreSQL frontend/backend protocol 3.0, StartupMessage
 */
async function asksForPassword(port: number): Promise<boolean> {
  const words = Buffer.from('user\0farm\0database\0farm\0\0');
  const hello = Buffer.alloc(8 + words.length);
  hello.writeInt32BE(hello.length, 0);
  hello.writeInt32BE(196_608, 4);
  words.copy(hello, 8);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: probeMsMax });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => socket.write(hello));
    socket.once('data', (bytes) => settle(bytes[0] === 0x52));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
    socket.once('close', () => settle(false));
  });
}

async function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = get(url, { timeout: probeMsMax, agent: false }, (answer) => {
      answer.resume();
      resolve(true);
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(false));
  });
}

/** Size of a file; 0 when it is not there. @unit bytes */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** What was printed after an offset; from the start when the file was cut meanwhile. */
export function printedSince(file: string, from: number): string {
  const size = sizeOf(file);
  const start = size < from ? 0 : from;
  const bytes = Buffer.alloc(Math.min(size - start, 1_048_576));
  if (bytes.length === 0) return '';
  const handle = openSync(file, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(handle, bytes, 0, bytes.length, start));
  } finally {
    closeSync(handle);
  }
}
