import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../domain/failure.ts';
import type { IndexPages, IndexStatements, UpstreamIndex } from '../../index-ports.ts';
import type { BlobStore } from '../../ports.ts';
import { matchesEtag } from './simple.ts';

interface FileParts {
  readonly pages: IndexPages;
  readonly upstream: UpstreamIndex;
  readonly statements: IndexStatements;
  readonly blobs: Pick<BlobStore, 'has' | 'size' | 'stream'>;
}
type FileRequest = FastifyRequest<{ Params: { a: string; b: string; rest: string; filename: string } }>;

const immutable = 'max-age=365000000, immutable, public';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const suffixes = {
  '.publish.sigstore.json': 'publish', '.provenance.sigstore.json': 'provenance', '.sigstore.json': 'best',
} as const;

/**
 * `/files/ab/cd/REST/FILENAME`, its `.metadata` and its bundles. Only what a page lists is served: published files of
 * the farm, and files of upstream pages.
 */
export function fileRoutes(app: FastifyInstance, parts: FileParts): void {
  app.route({
    method: ['GET', 'HEAD'], url: '/files/:a/:b/:rest/:filename', exposeHeadRoute: false,
    handler: async (request: FileRequest, reply) => {
      const { a, b, rest, filename } = request.params;
      const sha256 = a + b + rest;
      if (!/^[0-9a-f]{64}$/.test(sha256) || a.length !== 2 || b.length !== 2) return missing(filename);
      const bundle = Object.entries(suffixes).find(([suffix]) => filename.endsWith(suffix));
      if (bundle) return sendBundle(parts, reply, { sha256, filename: filename.slice(0, -bundle[0].length), kind: bundle[1] });
      if (filename.endsWith('.metadata')) {
        return sendMetadata(parts, { request, reply }, { sha256, filename: filename.slice(0, -'.metadata'.length) });
      }
      return sendFile(parts, { request, reply }, { sha256, filename });
    },
  });
}

const missing = (filename: string): never => fail('FARM_NOT_FOUND', 'publish', { thing: `file ${filename} with this digest` });

interface Exchange { readonly request: FileRequest; readonly reply: FastifyReply }
interface Wanted { readonly sha256: string; readonly filename: string }

async function sendFile(parts: FileParts, exchange: Exchange, wanted: Wanted): Promise<FastifyReply> {
  const type = typeOf(wanted.filename);
  const own = await parts.pages.file(wanted.filename);
  if (own?.sha256 === wanted.sha256) return sendBlob(parts, exchange, { sha256: own.sha256, type });
  const file = await parts.upstream.file(wanted.sha256, wanted.filename);
  if (!file) return missing(wanted.filename);
  if (await isKept(parts, file.sha256)) return sendBlob(parts, exchange, { sha256: file.sha256, type });
  const { request, reply } = exchange;
  if (request.method === 'GET' && request.headers.range === undefined) {
    const { stream, bytes } = await parts.upstream.open(file);
    if (bytes !== null) reply.header('content-length', bytes);
    return reply.headers(fixedHeaders(file.sha256, type)).send(stream);
  }
  await parts.upstream.fetch(file);
  return sendBlob(parts, exchange, { sha256: file.sha256, type });
}

async function sendMetadata(parts: FileParts, exchange: Exchange, wanted: Wanted): Promise<FastifyReply> {
  const type = 'text/plain; charset=utf-8';
  const own = await parts.pages.file(wanted.filename);
  if (own?.sha256 === wanted.sha256) {
    return own.metadataSha256 === null ? missing(`${wanted.filename}.metadata`)
      : sendBlob(parts, exchange, { sha256: own.metadataSha256, type });
  }
  const file = await parts.upstream.file(wanted.sha256, wanted.filename);
  const sha256 = file && await parts.upstream.metadata(file);
  return sha256 === null ? missing(`${wanted.filename}.metadata`) : sendBlob(parts, exchange, { sha256, type });
}

async function sendBundle(
  parts: FileParts, reply: FastifyReply, wanted: Wanted & { kind: 'publish' | 'provenance' | 'best' },
): Promise<FastifyReply> {
  const own = await parts.pages.file(wanted.filename);
  const text = own?.sha256 === wanted.sha256 ? await parts.statements.bundle(wanted.sha256, wanted.kind) : null;
  // Not immutable: a file may be attested after it was published.
  return text === null ? missing(`${wanted.filename}.sigstore.json`)
    : reply.header('cache-control', 'no-cache').header('content-type', bundleType)
      .header('x-content-type-options', 'nosniff').send(Buffer.from(text));
}

/** Whether the blob is here; asking keeps it from being collected. Without the database the blob itself is asked. */
const isKept = (parts: FileParts, sha256: string): Promise<boolean> =>
  parts.blobs.has(sha256).catch(() => parts.blobs.size(sha256).then(() => true, () => false));

const typeOf = (filename: string): string => {
  if (filename.endsWith('.whl') || filename.endsWith('.zip')) return 'application/zip';
  return /\.(tar\.gz|tgz)$/.test(filename) ? 'application/gzip' : 'application/octet-stream';
};

const fixedHeaders = (sha256: string, type: string): Record<string, string> => ({
  'cache-control': immutable, etag: `"${sha256}"`, 'content-type': type, 'accept-ranges': 'bytes',
  'x-content-type-options': 'nosniff',
});

/** A blob whole, in part (206), unchanged (304) or not at all (416). @source RFC 9110, 14 */
async function sendBlob(
  parts: FileParts, { request, reply }: Exchange, blob: { sha256: string; type: string },
): Promise<FastifyReply> {
  const bytes = await parts.blobs.size(blob.sha256);
  const etag = `"${blob.sha256}"`;
  reply.headers(fixedHeaders(blob.sha256, blob.type));
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const condition = request.headers['if-range'];
  const range = condition === undefined || condition === etag ? rangeOf(request.headers.range, bytes) : 'whole';
  if (range === 'none') {
    return reply.code(416).header('cache-control', 'no-store').header('content-range', `bytes */${bytes}`).send();
  }
  const { start, end } = range === 'whole' ? { start: 0, end: bytes } : range;
  if (range !== 'whole') reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${bytes}`);
  reply.header('content-length', end - start);
  if (request.method === 'HEAD') return reply.send();
  return reply.send(await parts.blobs.stream(blob.sha256, range === 'whole' ? undefined : range));
}

/**
 * The bytes that a Range header asks for, `end` exclusive. More than one range, or a unit that is not bytes, gives the
 * whole; a range after the end gives `none`.
 */
export function rangeOf(header: string | undefined, bytes: number): { start: number; end: number } | 'whole' | 'none' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return 'whole';
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first === '') {
    const length = Math.min(Number(last), bytes);
    return length === 0 ? 'none' : { start: bytes - length, end: bytes };
  }
  const [start, end] = [Number(first), last === '' ? bytes : Math.min(Number(last) + 1, bytes)];
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= bytes ? 'none' : { start, end };
}
