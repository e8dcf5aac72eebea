/** Judges how a script ended: its result where it is one, else the classified failure. Pure. */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Failure } from '../../orchestrator/domain/failure.ts';
import { classify } from '../classify.ts';
import type { StepContext } from '../classify.ts';
import type { StepExit } from '../backend/types.ts';

export type Verdict<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/**
 * A judge for results of one shape. A result of another shape, or one beside a bad exit, is not believed.
 * @shape members that the schema does not name are dropped
 */
export function judgeOf<S extends TSchema>(schema: S) {
  const shape = Compile(schema);
  return (context: StepContext) => (exit: StepExit): Verdict<Static<S>> => {
    if (exit.ended === 'exit' && exit.code === 0 && shape.Check(exit.result)) {
      return { ok: true, value: shape.Clean(structuredClone(exit.result)) as Static<S> };
    }
    return { ok: false, failure: classify(exit, context) };
  };
}
