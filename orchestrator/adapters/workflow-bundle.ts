import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * The bundle of the workflows, made once for their sources and the SDK's version and kept in the cache.
 * @shape orchestratorFolder: holds workflows/, contract/, domain/ and bundle-workflows.ts
 */
export async function workflowBundle(orchestratorFolder: string, cacheFolder: string): Promise<{ codePath: string }> {
  const folder = join(cacheFolder, 'workflows');
  const codePath = join(folder, `${await digestOf(orchestratorFolder)}.js`);
  try {
    await access(codePath);
  } catch {
    await mkdir(folder, { recursive: true });
    await execute(process.execPath, [join(orchestratorFolder, 'bundle-workflows.ts'), codePath]);
  }
  return { codePath };
}

async function digestOf(orchestratorFolder: string): Promise<string> {
  const hash = createHash('sha256');
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  hash.update(version);
  for (const room of ['workflows', 'contract', 'domain']) {
    const names = (await readdir(join(orchestratorFolder, room))).filter((name) => name.endsWith('.ts')).sort();
    for (const name of names) hash.update(name).update(await readFile(join(orchestratorFolder, room, name)));
  }
  return hash.digest('hex').slice(0, 32);
}
