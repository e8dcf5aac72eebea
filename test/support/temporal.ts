import { TestWorkflowEnvironment } from '@temporalio/testing';
import { placesOf } from '../../infra/setup/places.ts';
import { temporalBinary } from '../../infra/setup/temporal.ts';

/** A Temporal server of its own for one test file, from the binary that set-up has made. */
export async function temporalForTest(): Promise<TestWorkflowEnvironment> {
  const path = temporalBinary(placesOf(process.env), process.env);
  if (!path) throw new Error('no Temporal binary: run ./farm setup first');
  return TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path }, extraArgs: ['--log-level', 'error'] },
  });
}
