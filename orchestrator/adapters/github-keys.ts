import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Github } from '../github-ports.ts';

/** What the farm has of GitHub. Never in a payload, a log or an answer of the API. */
export interface GithubKeys {
  readonly webhookSecret: string;
  readonly token?: string;
  readonly app?: { readonly id: number; readonly slug: string; readonly privateKey: string; readonly clientId: string; readonly clientSecret: string };
}

/** What git shows for a repository's files: an Authorization header. Null where the farm has nothing for it. */
export async function readingHeader(github: Pick<Github, 'readingToken'>, fullName: string): Promise<string | null> {
  const token = await github.readingToken(fullName);
  return token === null ? null : `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
}

export interface GithubKeyFile {
  read(): Promise<GithubKeys>;
  write(changed: Partial<GithubKeys>): Promise<GithubKeys>;
}

/** `github.json` in the farm's folder of keys, mode 0600; read anew each time, because two processes use it. */
export function githubKeyFile(folder: string, environmentToken: string | null): GithubKeyFile {
  const file = join(folder, 'github.json');
  const stored = async (): Promise<GithubKeys | null> => {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : Promise.reject(error)));
    return text === null ? null : JSON.parse(text) as GithubKeys;
  };
  const store = async (keys: GithubKeys): Promise<GithubKeys> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const beside = `${file}.${randomBytes(4).toString('hex')}`;
    await writeFile(beside, `${JSON.stringify(keys)}\n`, { mode: 0o600 });
    await chmod(beside, 0o600);
    await rename(beside, file);
    return keys;
  };
  const first = async (): Promise<GithubKeys> => await stored() ?? store({ webhookSecret: randomBytes(32).toString('hex') });
  return {
    async read() {
      const keys = await first();
      return environmentToken === null ? keys : { ...keys, token: environmentToken };
    },
    write: async (changed) => store({ ...await first(), ...changed }),
  };
}
