/**
 * Loaded before everything else in the orchestrator (`--import`), also in the thread that runs workflows. There
 * Temporal's SDK takes a stack trace of every promise, for its query `__stack_trace`, by a hook for each one that
 * compiles code: it was more than half of that thread's time. Nobody asks that query here; errors keep their stacks.
 * The SDK works without the hook, as it does on runtimes that have none.
 */
import v8 from 'node:v8';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) v8.promiseHooks.createHook = () => () => undefined;
