/**
 * Makes what is generated: the Prisma client from prisma/schema.prisma, and the types of the dashboard's client from the
 * API's own document. Needs no network; the Prisma client stays while the schema and the generator are unchanged (a stamp
 * in its folder). `node infra/generate.ts`
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const schemaFile = `${root}prisma/schema.prisma`;
const clientFolder = `${root}orchestrator/adapters/prisma/client`;
const stampFile = `${clientFolder}/.stamp`;

/** Generates the client where it is missing or old. Answers whether anything was written. */
export async function generateClient(): Promise<boolean> {
  const stamp = await expectedStamp();
  if (await readFile(stampFile, 'utf8').catch(() => '') === stamp) return false;
  await prismaGenerate();
  await writeFile(stampFile, stamp);
  return true;
}

async function expectedStamp(): Promise<string> {
  const schema = await readFile(schemaFile);
  const { version } = JSON.parse(await readFile(`${root}node_modules/prisma/package.json`, 'utf8')) as { version: string };
  return `${version} ${createHash('sha256').update(schema).digest('hex')}\n`;
}

function prismaGenerate(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [`${root}node_modules/prisma/build/index.js`, 'generate', '--schema', schemaFile, '--no-hints'],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        // The generator asks for the schema engine's binary and never starts it; without this it would download one.
        env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
      },
    );
    const printed: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => printed.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => printed.push(bytes));
    child.on('error', reject);
    child.on('close', (code) => (code === 0
      ? resolve()
      : reject(new Error(`prisma generate ended with ${code}:\n${Buffer.concat(printed).toString()}`))));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const written = await generateClient();
  process.stdout.write(written ? 'Prisma client generated\n' : 'Prisma client is up to date\n');
  // Only who checks types needs them; the farm itself asks for `--client` alone.
  if (!process.argv.includes('--client')) {
    const { writeApiTypes } = await import('./api-client.ts');
    process.stdout.write(`${await writeApiTypes()}\n`);
  }
}
