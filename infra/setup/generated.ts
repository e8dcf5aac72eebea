import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustEndWell } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** The database client, generated from prisma/schema.prisma; its stamp holds the digest of the schema it came from. */
export function generatedPart(places: Places, env: Env): SetupPart {
  const schema = join(places.root, 'prisma', 'schema.prisma');
  const stamp = join(places.root, 'orchestrator', 'adapters', 'prisma', 'client', '.stamp');
  return {
    name: 'client', what: 'database client from the schema', size: '', expectedSeconds: 3, needs: [], purpose: 'build',
    async check() {
      const digest = createHash('sha256').update(readFileSync(schema)).digest('hex');
      return textOf(stamp).includes(digest) ? there('generated') : missing('not generated from the present schema', 'Run: ./farm setup');
    },
    async install() {
      await mustEndWell([process.execPath, join(places.root, 'infra', 'generate.ts'), '--client'], { env, cwd: places.root });
    },
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
