/** Turns what Docker's client throws into failures of the farm. */
import { FarmError, failure } from '../../orchestrator/domain/failure.ts';
import type { Step } from '../../orchestrator/domain/failure.ts';

interface ClientError { readonly code?: string; readonly statusCode?: number; readonly message?: string }

const downCodes = new Set([
  'ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'EACCES', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND',
]);

/**
 * @errors the answer is FARM_DOCKER_DOWN (no engine behind the socket), FARM_NO_SPACE (its disk is full),
 *   FARM_IMAGE_MISSING, else FARM_CONTAINER_BROKE; a FarmError stays as it is
 */
export function dockerFailure(error: unknown, step: Step, image = ''): FarmError {
  if (error instanceof FarmError) return error;
  const { code = '', statusCode, message = String(error) } = (error ?? {}) as ClientError;
  if (/no space left on device|ENOSPC/i.test(message) || code === 'ENOSPC') {
    return new FarmError(failure('FARM_NO_SPACE', step, { why: message }));
  }
  if (downCodes.has(code) || /socket hang up|read ECONNRESET|connect E/.test(message)) {
    return new FarmError(failure('FARM_DOCKER_DOWN', step, { why: message }));
  }
  if (statusCode === 404 && /no such image/i.test(message)) {
    return new FarmError(failure('FARM_IMAGE_MISSING', step, { image }));
  }
  return new FarmError(failure('FARM_CONTAINER_BROKE', step, { why: message.slice(0, 1000) }));
}

/** Runs a call to Docker; what it throws becomes a FarmError. */
export async function asking<T>(step: Step, call: () => Promise<T>, image = ''): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw dockerFailure(error, step, image);
  }
}
