/** An attempt's log on its way to the control plane: gathered for a moment, sent in order, cut at its limit. */

export interface LogPump {
  write(bytes: Uint8Array): void;
  /** A line of the farm's own, on a line of its own. */
  line(text: string): void;
  /**
   * What was not sent yet, for the request that ends the delivery; null where that is nothing, or more than `bytesMax`
   * and was sent now. @errors what `append` threw
   */
  rest(bytesMax: number): Promise<{ readonly offset: number; readonly bytes: Uint8Array } | null>;
  /** Sends what is left. @errors what `append` threw */
  close(): Promise<void>;
}

export interface PumpOptions {
  /** Sends bytes at an offset; answers the offset after them. */
  readonly append: (offset: number, bytes: Uint8Array) => Promise<number>;
  readonly offset: number;
  readonly flushMs: number;
  readonly chunkBytesMax: number;
  /** Of this pump; what the stranger's code prints is limited by the box before. */
  readonly bytesMax: number;
  /** Called once with the first error of `append`; later bytes are dropped. */
  readonly onError: (error: unknown) => void;
  readonly later: (call: () => void, ms: number) => void;
}

const newline = 10;

/** A pump that starts to send with the first byte. */
export function logPump(options: PumpOptions): LogPump {
  const { append, flushMs, chunkBytesMax, bytesMax, onError, later } = options;
  let { offset } = options;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let total = 0;
  let lastByte = newline;
  let timed = false;
  let broken: { error: unknown } | null = null;
  let sending: Promise<void> = Promise.resolve();

  function keep(bytes: Uint8Array): void {
    if (bytes.length === 0 || broken) return;
    waiting.push(Uint8Array.from(bytes));
    waitingBytes += bytes.length;
    lastByte = bytes.at(-1)!;
    if (waitingBytes >= chunkBytesMax) flush();
    else if (!timed) {
      timed = true;
      later(() => { timed = false; flush(); }, flushMs);
    }
  }

  function flush(): void {
    const whole = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    for (let at = 0; at < whole.length; at += chunkBytesMax) {
      const part = whole.subarray(at, at + chunkBytesMax);
      sending = sending.then(() => send(part));
    }
  }

  async function send(part: Uint8Array): Promise<void> {
    if (broken) return;
    try {
      offset = await append(offset, part);
    } catch (error) {
      broken = { error };
      onError(error);
    }
  }

  function write(bytes: Uint8Array): void {
    if (total > bytesMax) return;
    total += bytes.length;
    if (total <= bytesMax) return keep(bytes);
    keep(bytes.subarray(0, bytes.length - (total - bytesMax)));
    keep(text(`\n== log cut at ${Math.round(bytesMax / 1024)} KiB\n`));
  }

  return {
    write,
    line: (words) => write(text(`${lastByte === newline ? '' : '\n'}${words}\n`)),
    async rest(bytesMax) {
      if (waitingBytes > bytesMax) flush();
      // What is written while it is waited for stays in order: it is taken below.
      await sending;
      if (broken) throw broken.error;
      const bytes = Buffer.concat(waiting);
      waiting = [];
      waitingBytes = 0;
      return bytes.length === 0 ? null : { offset, bytes };
    },
    async close() {
      flush();
      await sending;
      if (broken) throw broken.error;
    },
  };
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
