import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { failure, FarmError } from '../../../orchestrator/domain/failure.ts';
import { DoorError } from '../../../workers/control-door.ts';
import { asTemporal } from '../../../workers/delivery.ts';
import { cellAnswer, isWide } from '../../../workers/run-attempt.ts';
import { Stopped } from '../../../workers/scope.ts';
import type { Ending } from '../../../workers/scope.ts';
import type { BuildOutcome } from '../../../orchestrator/contract/worker.ts';

const wheel = (filename: string): Ending<BuildOutcome> => ({
  state: 'posted', outcome: {
    kind: 'build', state: 'succeeded', wheel: { filename, sha256: 'a'.repeat(64), bytes: 1 },
    compilerCalls: 0, compilerFailures: 0, notes: [], audit: {}, grafted: [],
  },
});

describe('what the workflow is told', () => {
  it.each([
    ['idna-3.10-py3-none-any.whl', true],
    ['cryptography-46.0.0-cp311-abi3-manylinux_2_28_x86_64.whl', true],
    ['ruff-0.14.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl', true],
    ['markupsafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.whl', false],
  ])('%s may serve other targets: %s', (filename, wide) => {
    expect(isWide(filename)).toBe(wide);
    expect(cellAnswer(wheel(filename))).toEqual({ state: 'succeeded', wide });
  });
  it('asks for covering where an equal attempt is known', () => {
    expect(cellAnswer({ state: 'known' })).toEqual({ state: 'succeeded', wide: true });
  });
  it('has nothing to go on with where the build is over', () => {
    expect(cellAnswer({ state: 'over' }).state).toBe('cancelled');
  });
});

describe('failures in the words of Temporal', () => {
  it('lets the farm try again', () => {
    const made = asTemporal(new FarmError(failure('FARM_DOCKER_DOWN', 'build', { why: 'x' })));
    expect(made).toBeInstanceOf(ApplicationFailure);
    expect(made).toMatchObject({ type: 'FARM_DOCKER_DOWN', nonRetryable: false });
  });
  it('does not repeat what will not change', () => {
    expect(asTemporal(new DoorError(failure('FARM_FORBIDDEN', 'plan'))).nonRetryable).toBe(true);
  });
  it('gives work that a stopping worker had to another one', () => {
    expect(asTemporal(new Stopped('x'))).toMatchObject({ type: 'FARM_WORKER_LOST', nonRetryable: false });
  });
});
