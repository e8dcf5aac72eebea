/**
 * Bundles the workflows into the file that is named. A process of its own: the bundler needs 100 MB that the
 * orchestrator would otherwise keep for as long as it lives.
 */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const [file] = process.argv.slice(2);
if (!file) throw new Error('say which file to write');
const { code } = await bundleWorkflowCode({
  workflowsPath: join(import.meta.dirname, 'workflows', 'index.ts'), logger: new DefaultLogger('WARN'),
});
const part = `${file}.${process.pid}`;
await writeFile(part, code);
await rename(part, file);
