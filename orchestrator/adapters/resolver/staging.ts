import { createServer, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { jsonType, projectJson } from '../../domain/simple-index.ts';
import type { BlobStore } from '../../ports.ts';
import { fileUrl, type PageFile } from '../index-render.ts';

/** A release as it would be, served to this machine's own clients while it is checked. */
export interface StagedIndex { readonly url: string; close(): Promise<void> }

/**
 * Serves one project's page, METADATA and files; every other name is passed on to the farm's own index.
 * @shape farmIndex: ends in `/`; files: all of the project's, staged ones too
 */
export async function serveStaged(
  { project, files, blobs, farmIndex }:
  { readonly project: string; readonly files: readonly PageFile[]; readonly blobs: Pick<BlobStore, 'size' | 'stream'>; readonly farmIndex: string },
): Promise<StagedIndex> {
  const page = Buffer.from(projectJson({
    name: project, versions: [...new Set(files.map(({ version }) => version))], files, status: { status: 'active', reason: null },
  }));
  const byPath = new Map(files.flatMap((file) => {
    const path = new URL(fileUrl(file.sha256, file.filename), `http://staged/simple/${project}/`).pathname;
    return [[path, file.sha256] as const, ...(file.metadataSha256 === null ? [] : [[`${path}.metadata`, file.metadataSha256] as const])];
  }));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://staged');
    const name = /^\/simple\/([^/]+)\/$/.exec(pathname)?.[1];
    const sha256 = byPath.get(pathname);
    if (name === project) response.writeHead(200, { 'content-type': jsonType }).end(page);
    else if (name !== undefined) response.writeHead(307, { location: `${farmIndex}${name}/` }).end();
    else if (sha256 === undefined) response.writeHead(404).end();
    else void send(blobs, sha256, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    close: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections(); }),
  };
}

async function send(blobs: Pick<BlobStore, 'size' | 'stream'>, sha256: string, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': await blobs.size(sha256) });
  await pipeline(await blobs.stream(sha256), response);
}
