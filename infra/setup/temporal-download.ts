import { TestWorkflowEnvironment } from '@temporalio/testing';

// Started by temporal.ts: starts the dev server once, which downloads it into the folder that is given.
const server = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir: process.argv[2] ?? '', version: 'default' } },
});
await server.teardown();
