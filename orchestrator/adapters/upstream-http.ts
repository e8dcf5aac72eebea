import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { limits } from '../contract/limits.ts';
import { fail, FarmError } from '../domain/failure.ts';
import type { UpstreamAddress } from './upstream-address.ts';

/** GET requests to the upstream index: proxies of the environment, the system's certificates and pip's, redirects. */
export interface UpstreamHttp {
  /** Where the page of a project is. */
  pageUrl(project: string): string;
  /** @errors FARM_UPSTREAM_UNREACHABLE where no answer came; every status is an answer */
  get(url: string, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

const connectionsMax = 16;

/** @source the address as `upstreamAddress` found it; its credentials go to its own origin only */
export async function upstreamHttp(address: UpstreamAddress): Promise<UpstreamHttp> {
  const extra = address.certificates === null ? [] : [await readFile(address.certificates, 'utf8')];
  const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system'), ...extra];
  const timeouts = { headersTimeout: limits.upstreamMsMax, bodyTimeout: limits.upstreamMsMax };
  const dispatcher = new EnvHttpProxyAgent({
    connect: { ca }, requestTls: { ca }, connections: connectionsMax, ...timeouts,
  });
  const base = new URL(address.url);
  const login = base.username === '' ? null
    : `Basic ${Buffer.from(`${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`).toString('base64')}`;
  base.username = base.password = '';
  return {
    pageUrl: (project) => new URL(`${project}/`, base).href,
    async get(url, headers = {}) {
      const own = login !== null && new URL(url).origin === base.origin ? { authorization: login } : {};
      try {
        return await fetch(url, { headers: { 'user-agent': 'wheelfarm', ...own, ...headers }, dispatcher });
      } catch (error) {
        return fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: reasonOf(error) });
      }
    },
    close: () => dispatcher.close(),
  };
}

/** The innermost message of an error: `fetch failed` says nothing. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const inner = cause instanceof AggregateError ? cause.errors[0] as unknown : cause;
  return inner instanceof Error ? reasonOf(inner) : error.message || error.name;
}

/** Runs `work`; whatever is not yet a failure of the farm becomes FARM_UPSTREAM_UNREACHABLE. */
export async function asUnreachable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FarmError) throw error;
    return fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: reasonOf(error) });
  }
}

/** Reads a body as text. @errors FARM_UPSTREAM_UNREACHABLE where it is larger than the limit */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > bytesMax) fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: `an answer is larger than ${bytesMax} bytes` });
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}
