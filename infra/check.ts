/** The gate: types, lint, import walls, unit tests; under a minute. `npm run check`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

interface Gate { readonly name: string; readonly command: string; readonly argv: readonly string[] }

const gates: readonly Gate[] = [
  { name: 'what is generated', command: process.execPath, argv: [join(root, 'infra', 'generate.ts')] },
  { name: 'types', command: bin('tsc'), argv: ['-p', '.'] },
  { name: 'types of the domain', command: bin('tsc'), argv: ['-p', 'orchestrator/domain'] },
  { name: 'types of the dashboard', command: bin('tsc'), argv: ['-p', 'dashboard'] },
  { name: 'lint', command: bin('oxlint'), argv: [] },
  { name: 'walls and unit tests', command: bin('vitest'), argv: ['run', '--project', 'unit'] },
];

async function run(gate: Gate): Promise<boolean> {
  const started = Date.now();
  const child = spawn(gate.command, [...gate.argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const code = await new Promise<number | null>((done) => { child.on('close', done); child.on('error', () => done(127)); });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'}  ${gate.name} (${seconds} s)`);
  if (code !== 0) console.log(output);
  return code === 0;
}

const answers: boolean[] = [];
for (const gate of gates) answers.push(await run(gate));
process.exitCode = answers.every(Boolean) ? 0 : 1;
