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
      return { ok: true, value: named(schema, exit.result) as Static<S> };
    }
    return { ok: false, failure: classify(exit, context) };
  };
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
}

/**
 * A value that fits a schema, without what the schema does not name. TypeBox's own way sorts every union of the schema
 * anew each time, which took longer than the step of a small cell. Unions are of plain values and one list or object at most.
 */
function named(shape: Shape, value: unknown): unknown {
  const { properties, items } = shape.anyOf?.find((one) => one.items ?? one.properties) ?? shape;
  if (Array.isArray(value)) return items ? value.map((one) => named(items, one)) : [...value as unknown[]];
  if (typeof value !== 'object' || value === null || !properties) return value;
  const known = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.keys(properties)
    .filter((name) => Object.hasOwn(known, name) && known[name] !== undefined)
    .map((name) => [name, named(properties[name] as Shape, known[name])]));
}
