import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const files = globSync(['orchestrator/**/*.ts', 'workers/**/*.ts', 'images/**/*.ts', 'infra/**/*.ts'], { cwd: root })
  .filter((file) => !file.includes('/prisma/client/') && !file.includes('node_modules'));

/** Specifiers that a file imports; relative ones as paths from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+['"]([^'"]+)['"]|(?:^|\n)import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return found.map((specifier) => (specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier));
}

const isNode = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier);
const isPackage = (specifier: string): boolean =>
  !isNode(specifier) && !/^(orchestrator|workers|images|infra|prisma|test|dashboard)\//.test(specifier) && specifier !== '.';

interface Wall {
  readonly room: RegExp;
  readonly says: string;
  readonly allows: (specifier: string) => boolean;
}

const within = (...rooms: readonly string[]) => (specifier: string): boolean => rooms.some((room) => specifier.startsWith(room));

/** HOUSE: who may import whom. The first room that matches a file rules it. */
const walls: readonly Wall[] = [
  { room: /^orchestrator\/domain\//, says: 'domain imports nothing but domain', allows: within('orchestrator/domain/') },
  {
    room: /^orchestrator\/contract\//, says: 'contract imports domain and typebox',
    allows: (s) => within('orchestrator/domain/', 'orchestrator/contract/')(s) || s === 'typebox',
  },
  {
    room: /^orchestrator\/((index|page|account|edit|github)-)?ports\.ts$/, says: 'ports import domain and contract',
    allows: within('orchestrator/domain/', 'orchestrator/contract/', 'orchestrator/ports.ts', 'orchestrator/edit-ports.ts'),
  },
  {
    room: /^orchestrator\/workflows\//, says: 'workflows import domain, contract and @temporalio/workflow',
    allows: (s) => within('orchestrator/domain/', 'orchestrator/contract/', 'orchestrator/workflows/')(s) || s === '@temporalio/workflow',
  },
  {
    room: /^orchestrator\/activities\//, says: 'activities import domain, contract and ports',
    allows: (s) => within('orchestrator/domain/', 'orchestrator/contract/', 'orchestrator/activities/', 'orchestrator/ports.ts', 'orchestrator/edit-ports.ts', 'orchestrator/github-ports.ts')(s)
      || s === '@temporalio/activity',
  },
  {
    room: /^orchestrator\/adapters\//, says: 'adapters import domain, contract, ports and SDKs, never api or workflows',
    allows: (s) => isNode(s) || isPackage(s) || within('orchestrator/domain/', 'orchestrator/contract/', 'orchestrator/ports.ts', 'orchestrator/edit-ports.ts', 'orchestrator/github-ports.ts', 'orchestrator/index-ports.ts', 'orchestrator/page-ports.ts', 'orchestrator/account-ports.ts', 'orchestrator/adapters/', 'images/')(s),
  },
  {
    room: /^orchestrator\/api\//, says: 'api imports domain, contract, ports and Fastify; never Prisma, adapters or workflows',
    allows: (s) => isNode(s) || /^(fastify|@fastify\/|typebox)/.test(s)
      || within('orchestrator/domain/', 'orchestrator/contract/', 'orchestrator/ports.ts', 'orchestrator/edit-ports.ts', 'orchestrator/github-ports.ts', 'orchestrator/index-ports.ts', 'orchestrator/page-ports.ts', 'orchestrator/account-ports.ts', 'orchestrator/api/')(s),
  },
  {
    room: /^workers\//, says: 'workers import domain, contract, what images say of libraries, and Docker; never Prisma, Sigstore, api or other adapters',
    allows: (s) => isNode(s) || within('orchestrator/domain/', 'orchestrator/contract/', 'workers/')(s)
      || /^images\/(libraries|headers|apt-sources|debian-libraries)\.ts$/.test(s)
      || /^(dockerode|@temporalio\/(activity|worker|common)|undici|tar-stream|typebox)/.test(s),
  },
  {
    room: /^images\//, says: 'images import domain only, of the planes',
    allows: (s) => isNode(s) || isPackage(s) || within('orchestrator/domain/', 'images/')(s),
  },
];

describe('import walls', () => {
  it('finds the rooms', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  for (const wall of walls) {
    it(wall.says, () => {
      const ours = files.filter((file) => walls.find(({ room }) => room.test(file)) === wall);
      const broken = ours.flatMap((file) =>
        importsOf(file).filter((specifier) => !wall.allows(specifier)).map((specifier) => `${file} imports ${specifier}`));
      expect(broken).toEqual([]);
    });
  }

  it('reads the environment in composition roots only', () => {
    const roots = /^(orchestrator\/(config|server|temporal-worker)\.ts|orchestrator\/cli\/|orchestrator\/adapters\/prisma\/migrate\.ts|workers\/(main|shell)\.ts|infra\/|images\/make\.ts)/;
    const readers = files.filter((file) => !roots.test(file) && /process\.env/.test(readFileSync(join(root, file), 'utf8')));
    expect(readers).toEqual([]);
  });

  it('has no clock, randomness or digest in domain and workflows', () => {
    const pure = files.filter((file) => /^orchestrator\/(domain|workflows)\//.test(file));
    const impure = pure.filter((file) => /new Date\(\)|Date\.now\(|Math\.random\(|randomUUID|process\./.test(readFileSync(join(root, file), 'utf8')));
    expect(impure).toEqual([]);
  });

  it('keeps files under 400 lines', () => {
    const long = files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 401);
    expect(long).toEqual([]);
  });

  it('imports relatively with .ts endings', () => {
    const aliased = files.flatMap((file) => importsOf(file)
      .filter((specifier) => /^(orchestrator|workers|images|infra)\//.test(specifier) && !/\.(ts|json)$/.test(specifier))
      .map((specifier) => `${file} imports ${specifier}`));
    expect(aliased).toEqual([]);
  });
});
