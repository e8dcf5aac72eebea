/**
 * Reads Docker's multiplexed stream: frames of 8 bytes head (stream number, three zeros, length big-endian) and a body.
 * @source Docker Engine API, "Attach to a container", stream format
 */

const headBytes = 8;

/** Takes chunks as they come from the socket; calls `onBody` with each part of a body, in order, without copying. */
export interface FrameReader {
  push(chunk: Uint8Array): void;
}

/** A reader of one exec stream. stdout and stderr are handed on alike, in the order in which they arrived. */
export function frameReader(onBody: (bytes: Uint8Array, stream: number) => void): FrameReader {
  const head = new Uint8Array(headBytes);
  let headFilled = 0;
  let bodyLeft = 0;
  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (bodyLeft === 0) {
          const take = Math.min(headBytes - headFilled, chunk.length - at);
          head.set(chunk.subarray(at, at + take), headFilled);
          headFilled += take;
          at += take;
          if (headFilled < headBytes) return;
          headFilled = 0;
          bodyLeft = new DataView(head.buffer).getUint32(4);
          continue;
        }
        const take = Math.min(bodyLeft, chunk.length - at);
        onBody(chunk.subarray(at, at + take), head[0]!);
        bodyLeft -= take;
        at += take;
      }
    },
  };
}

/** Keeps the last `bytesMax` bytes of what is pushed. */
export interface Tail {
  push(bytes: Uint8Array): void;
  text(): string;
}

/** @shape text() is UTF-8; a character cut at the front becomes U+FFFD */
export function tail(bytesMax: number): Tail {
  let parts: Uint8Array[] = [];
  let size = 0;
  const joined = (): Uint8Array => {
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole.subarray(Math.max(0, size - bytesMax));
  };
  return {
    push(bytes) {
      parts.push(Uint8Array.from(bytes));
      size += bytes.length;
      if (size > 2 * bytesMax || parts.length > 4096) {
        parts = [joined().slice()];
        size = parts[0]!.length;
      }
    },
    text: () => new TextDecoder().decode(joined()),
  };
}
