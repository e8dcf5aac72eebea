import { fail } from '../../domain/failure.ts';

/** Ends signing with FARM_SIGN_FAILED; the caller tries again later. */
export function cannotSign(why: string): never {
  return fail('FARM_SIGN_FAILED', 'sign', { why });
}
