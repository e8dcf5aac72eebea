import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { fail } from '../../domain/failure.ts';

/**
 * The bytes of an upload. Leaving the loop early must not destroy the connection: the answer goes out on it.
 * @errors FARM_BAD_REQUEST where the upload is not `application/octet-stream`
 */
export function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  const body = request.body as Readable | undefined;
  if (typeof body?.iterator !== 'function') return fail('FARM_BAD_REQUEST', 'plan', { why: 'send the bytes as application/octet-stream' });
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array> };
}

/** A small upload as a whole. @errors FARM_TOO_LARGE */
export async function smallBodyOf(request: FastifyRequest, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyOf(request)) {
    bytes += chunk.length;
    if (bytes > bytesMax) fail('FARM_TOO_LARGE', 'plan', { limit: `${bytesMax} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
