/** A worker that serves the bare workflow and its no-op activity: `node bare-worker.ts host:port`. */
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { BareActivities } from './bare-workflow.ts';

const activities: BareActivities = { noOp: async () => ({ state: 'succeeded', wide: false }) };

Runtime.install({ logger: new DefaultLogger('WARN') });
const connection = await NativeConnection.connect({ address: process.argv[2] ?? '' });
const worker = await Worker.create({
  connection, taskQueue: 'bare', workflowsPath: join(import.meta.dirname, 'bare-workflow.ts'), activities,
});
console.log('ready');
await worker.run();
await connection.close();
