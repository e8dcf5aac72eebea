import type { SignIn } from '../account-ports.ts';
import { fail } from '../domain/failure.ts';

export interface GithubSignIn {
  /** `https://github.com`, or the address of an Enterprise server; no slash at the end. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const msMax = 15_000;

/** The address of the REST API that belongs to a GitHub. @source GitHub Docs, "Getting started with the REST API" */
export const githubApi = (url: string): string => (new URL(url).hostname === 'github.com' ? 'https://api.github.com' : `${url}/api/v3`);

/** Port SignIn: OAuth's web flow with PKCE. The access token is used once, for the name, and not kept. */
export function githubSignIn({ url, clientId, clientSecret }: GithubSignIn): SignIn {
  return {
    address({ state, challenge, redirect }) {
      const query = new URLSearchParams({
        client_id: clientId, redirect_uri: redirect, state, scope: 'read:user', code_challenge: challenge, code_challenge_method: 'S256',
      });
      return `${url}/login/oauth/authorize?${query}`;
    },
    async identify({ code, verifier, redirect }) {
      const token = await ask(`${url}/login/oauth/access_token`, {
        method: 'POST', headers: { accept: 'application/json', 'content-type': 'application/json' },
        body: JSON.stringify({ client_id: clientId, client_secret: clientSecret, code, redirect_uri: redirect, code_verifier: verifier }),
      });
      const { access_token: accessToken, error } = token;
      // GitHub answers 200 with an error inside. @source GitHub Docs, "Troubleshooting OAuth app access token request errors"
      if (typeof accessToken !== 'string') return fail('FARM_SIGN_IN', 'plan', { why: typeof error === 'string' ? error.slice(0, 80) : 'it gave no access token' });
      const person = await ask(`${githubApi(url)}/user`, {
        headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${accessToken}`, 'user-agent': 'wheelfarm' },
      });
      const { id, login } = person;
      if (typeof id !== 'number' || typeof login !== 'string' || !/^[A-Za-z0-9-]{1,39}$/.test(login)) return fail('FARM_SIGN_IN', 'plan', { why: 'it named nobody' });
      return { providerId: String(id), login };
    },
  };
}

async function ask(address: string, request: RequestInit): Promise<Record<string, unknown>> {
  let answer: Response;
  try {
    answer = await fetch(address, { ...request, redirect: 'error', signal: AbortSignal.timeout(msMax) });
  } catch {
    return fail('FARM_SIGN_IN', 'plan', { why: 'it did not answer' });
  }
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok || typeof body !== 'object' || body === null) return fail('FARM_SIGN_IN', 'plan', { why: `it answered ${answer.status}` });
  return body as Record<string, unknown>;
}
