/** Temporal's border: an activity's context as a `Delivery`, failures as Temporal says them. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FarmError } from '../orchestrator/domain/failure.ts';
import { isOver, isUnwelcome } from './control-door.ts';
import { Stopped } from './scope.ts';
import type { Delivery, Ending } from './scope.ts';

/** The running activity as a delivery. Must be called inside an activity. */
export function currentDelivery(): Delivery {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  return {
    number: context.info.attempt,
    signal,
    // Temporal's reasons: CANCELLED by somebody; WORKER_SHUTDOWN, TIMED_OUT and NOT_FOUND are no reason to record.
    why: () => ((signal.reason as Error | undefined)?.message === 'CANCELLED' ? 'cancelled' : 'gone'),
    heartbeat: () => context.heartbeat(),
  };
}

/**
 * Runs an activity's work in the current context.
 * @errors ApplicationFailure with the failure's code as type, not retried where the card says never; CancelledFailure
 *   after a cancel; a retryable FARM_WORKER_LOST where this worker stops
 */
export async function delivered<O>(work: (delivery: Delivery) => Promise<Ending<O>>): Promise<Ending<O>> {
  const delivery = currentDelivery();
  const ending = await work(delivery).catch((error: unknown) => { throw asTemporal(error); });
  if (ending.state === 'cancelled') throw delivery.signal.reason;
  return ending;
}

/** Any error in Temporal's words. */
export function asTemporal(error: unknown): ApplicationFailure {
  if (error instanceof FarmError) {
    const { failure } = error;
    return ApplicationFailure.create({
      type: failure.code, message: failure.message, details: [failure],
      nonRetryable: failure.retry === 'never' && !isOver(error) && !isUnwelcome(error),
    });
  }
  const stopped = error instanceof Stopped;
  return ApplicationFailure.create({
    type: stopped ? 'FARM_WORKER_LOST' : 'FARM_INTERNAL',
    message: stopped ? 'the worker stops' : String((error as Error)?.stack ?? error).slice(0, 4000),
  });
}
