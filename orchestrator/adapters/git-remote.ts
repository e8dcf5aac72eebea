import tls from 'node:tls';
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import { isCommit } from '../domain/repository.ts';
import type { GitCredentials, GitRemote, LocatedRef } from '../github-ports.ts';
import { reasonOf } from './upstream-http.ts';

interface AdvertisedRef { readonly name: string; readonly commit: string; readonly symref: string | null }

interface Greeted {
  readonly url: string;
  /** Null where the server speaks version 2 and is asked for single refs. */
  readonly refs: readonly AdvertisedRef[] | null;
  /** What the repository was shown for; null for a public one. */
  readonly authorization: string | null;
}

const shownFor = ({ authorization }: Greeted): Pick<LocatedRef, 'isPrivate'> => (authorization === null ? {} : { isPrivate: true });

const redirectsMax = 3;
const agent = 'git/2.39 wheelfarm';

/** Port GitRemote: git's own protocol over HTTP, version 2, in which a server is asked for single refs. */
export function gitRemote(credentials: GitCredentials = { authorization: async () => null }): GitRemote & { close(): Promise<void> } {
  const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
  const dispatcher = new EnvHttpProxyAgent({
    connect: { ca }, requestTls: { ca }, headersTimeout: limits.upstreamMsMax, bodyTimeout: limits.upstreamMsMax,
  });
  const ask = async (url: string, init: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string }): Promise<Response> => {
    try {
      return await fetch(url, {
        ...init, dispatcher, redirect: 'manual', signal: AbortSignal.timeout(2 * limits.upstreamMsMax),
        headers: { 'user-agent': agent, 'git-protocol': 'version=2', ...init.headers },
      });
    } catch (error) {
      return fail('FARM_REPOSITORY_UNREACHABLE', 'plan', { repository: url, why: reasonOf(error) });
    }
  };

  /** The answer to a greeting; once more with a credential where the server hides the repository and there is one for it. */
  async function hello(url: string, given?: string | null): Promise<{ readonly answer: Response; readonly authorization: string | null }> {
    const address = `${url}.git/info/refs?service=git-upload-pack`;
    const answer = await ask(address, { method: 'GET', headers: {} });
    const authorization = [401, 404].includes(answer.status) ? given ?? await credentials.authorization(url) : null;
    if (authorization === null) return { answer, authorization };
    await answer.body?.cancel();
    return { answer: await ask(address, { method: 'GET', headers: { authorization } }), authorization };
  }

  /** The address that answers, and whether it speaks version 2 (else the refs that it lists). */
  async function greet(asked: string, given?: string | null): Promise<Greeted> {
    let url = asked;
    for (let hops = 0; hops <= redirectsMax; hops += 1) {
      const { answer, authorization } = await hello(url, url === asked ? given : null);
      const to = answer.status >= 300 && answer.status < 400 ? redirected(url, answer.headers.get('location')) : null;
      if (to === null) {
        judge(url, answer);
        const lines = await pktLines(url, answer);
        return { url, authorization, refs: lines.includes('version 2') ? null : lines.flatMap((line) => advertised(line)) };
      }
      await answer.body?.cancel();
      url = to;
    }
    return fail('FARM_REPOSITORY_UNREACHABLE', 'plan', { repository: asked, why: `more than ${redirectsMax} redirects` });
  }

  async function list(url: string, prefixes: readonly string[], given?: string | null): Promise<Greeted & { readonly refs: readonly AdvertisedRef[] }> {
    const greeted = await greet(url, given);
    if (greeted.refs) return { ...greeted, refs: greeted.refs };
    const body = [pkt('command=ls-refs\n'), '0001', pkt('peel\n'), pkt('symrefs\n'), ...prefixes.map((one) => pkt(`ref-prefix ${one}\n`)), '0000'].join('');
    const answer = await ask(`${greeted.url}.git/git-upload-pack`, {
      method: 'POST', body,
      headers: {
        'content-type': 'application/x-git-upload-pack-request', accept: 'application/x-git-upload-pack-result',
        ...(greeted.authorization === null ? {} : { authorization: greeted.authorization }),
      },
    });
    judge(greeted.url, answer);
    return { ...greeted, refs: (await pktLines(greeted.url, answer)).flatMap((line) => listed(line)) };
  }

  return {
    async locate({ url, ref }): Promise<LocatedRef> {
      if (ref !== null && isCommit(ref)) {
        const greeted = await greet(url);
        return { url: greeted.url, ref: null, commit: ref, ...shownFor(greeted) };
      }
      const names = ref === null ? ['HEAD'] : ref.startsWith('refs/') ? [ref] : [`refs/tags/${ref}`, `refs/heads/${ref}`];
      const answered = await list(url, names);
      const { url: at, refs } = answered;
      const found = names.flatMap((name) => refs.find((one) => one.name === name) ?? [])[0];
      if (!found) return fail('FARM_REF_UNKNOWN', 'plan', { repository: at, ref: ref ?? 'HEAD' });
      const peeled = refs.find((one) => one.name === `${found.name}^{}`);
      return { url: at, ref: found.name === 'HEAD' ? found.symref : found.name, commit: peeled?.commit ?? found.commit, ...shownFor(answered) };
    },
    async tags(url, authorization) {
      const { refs } = await list(url, ['refs/tags/'], authorization);
      const tags = refs.filter(({ name }) => name.startsWith('refs/tags/'));
      // What an annotated tag names comes after the tag itself and stands for it.
      return new Map(tags.map(({ name, commit }) => [name.slice('refs/tags/'.length).replace(/\^\{\}$/, ''), commit]));
    },
    close: () => dispatcher.close(),
  };
}

/** Where a redirect leads, as the address of a repository; null where it leads to no repository, or out of https. */
function redirected(from: string, location: string | null): string | null {
  if (location === null || !URL.canParse(location, from)) return null;
  const to = new URL(location, from);
  const path = /^(.*?)(?:\.git)?\/info\/refs$/.exec(to.pathname)?.[1];
  const same = to.origin === new URL(from).origin;
  return path && (same || to.protocol === 'https:') ? `${to.origin}${path}` : null;
}

/** @errors FARM_REPOSITORY_UNKNOWN, FARM_REPOSITORY_LIMIT, FARM_REPOSITORY_UNREACHABLE for a status that is no answer */
function judge(repository: string, { status, headers }: Response): void {
  if (status === 200) return;
  if ([401, 404, 410].includes(status)) fail('FARM_REPOSITORY_UNKNOWN', 'plan', { repository });
  const wait = headers.get('retry-after');
  if (status === 429 || status === 403) fail('FARM_REPOSITORY_LIMIT', 'plan', { repository, why: wait ? `for ${wait} seconds` : `status ${status}` });
  fail('FARM_REPOSITORY_UNREACHABLE', 'plan', { repository, why: `status ${status}` });
}

const pkt = (text: string): string => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;

/**
 * The lines of an answer, flushes left out; read as they come, so that only the text of the refs is held.
 * @source git, gitprotocol-common: pkt-line
 * @errors FARM_REPOSITORY_UNREACHABLE where it is no answer of git or longer than limits.gitRefsBytesMax
 */
async function pktLines(repository: string, answer: Response): Promise<string[]> {
  const broken = (why: string): never => fail('FARM_REPOSITORY_UNREACHABLE', 'plan', { repository, why });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > limits.gitRefsBytesMax) broken(`its list of refs is longer than ${limits.gitRefsBytesMax} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  const all = Buffer.concat(chunks);
  const lines: string[] = [];
  for (let at = 0; at < all.length;) {
    const size = /^[0-9a-f]{4}$/.test(all.toString('latin1', at, at + 4)) ? Number.parseInt(all.toString('latin1', at, at + 4), 16) : broken('it does not speak git');
    if (size > 4) lines.push(all.toString('utf8', at + 4, at + size).replace(/\n$/, ''));
    at += Math.max(size, 4);
  }
  return lines;
}

/** `<commit> <name>[ symref-target:<name>][ peeled:<commit>]` of version 2. */
function listed(line: string): AdvertisedRef[] {
  const found = /^([0-9a-f]{40}) (\S+)(.*)$/.exec(line);
  if (!found) return [];
  const [, commit = '', name = '', attributes = ''] = found;
  const symref = / symref-target:(\S+)/.exec(attributes)?.[1] ?? null;
  const peeled = / peeled:([0-9a-f]{40})/.exec(attributes)?.[1];
  return [{ name, commit, symref }, ...(peeled ? [{ name: `${name}^{}`, commit: peeled, symref: null }] : [])];
}

/** `<commit> <name>` of version 0, after the first name a zero byte and what the server can do. */
function advertised(line: string): AdvertisedRef[] {
  const found = /^([0-9a-f]{40}) ([^\0\s]+)(?:\0(.*))?$/s.exec(line);
  if (!found) return [];
  const [, commit = '', name = '', can = ''] = found;
  return [{ name, commit, symref: name === 'HEAD' ? / ?symref=HEAD:(\S+)/.exec(can)?.[1] ?? null : null }];
}
