import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { getTrustedRoot } from '@sigstore/tuf';

/** A trusted root and where it is from: of now, or as it was when the library was released. */
export interface PublicRoot {
  readonly trustedRoot: unknown;
  /** False where the update service could not be reached: a signature that fails may only be newer than the root. */
  readonly fresh: boolean;
}

const refreshMsMax = 10_000;
const keepMs = 24 * 60 * 60_000;

/**
 * The trusted root of the public Sigstore instance, asked for at the first use and once a day: by The Update Framework,
 * else the one that the library brings with it.
 * @shape folder: where the update client keeps its state
 */
export function publicRoot(folder: string, now: () => Date): () => Promise<PublicRoot> {
  let kept: { readonly root: Promise<PublicRoot>; readonly until: number } | null = null;
  return () => {
    if (kept === null || kept.until < now().getTime()) kept = { root: ask(folder), until: now().getTime() + keepMs };
    return kept.root;
  };
}

async function ask(folder: string): Promise<PublicRoot> {
  try {
    const root = await getTrustedRoot({ cachePath: join(folder, 'tuf'), timeout: refreshMsMax, retry: 1 });
    return { trustedRoot: TrustedRoot.toJSON(root), fresh: true };
  } catch {
    const seeds = createRequire(import.meta.url)('@sigstore/tuf/seeds.json') as Record<string, { targets: Record<string, string> }>;
    const [seed] = Object.values(seeds).flatMap(({ targets }) => targets['trusted_root.json'] ?? []);
    if (seed === undefined) throw new Error('the library brings no trusted root');
    return { trustedRoot: JSON.parse(Buffer.from(seed, 'base64').toString('utf8')) as unknown, fresh: false };
  }
}
