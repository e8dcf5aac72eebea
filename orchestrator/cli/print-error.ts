import { FarmError, failure, type Failure } from '../domain/failure.ts';
import { printable } from './printable.ts';

/** The failure of anything thrown: a FarmError's own, else a fault of the farm. */
export function failureOf(error: unknown): Failure {
  if (error instanceof FarmError) return error.failure;
  return failure('FARM_INTERNAL', 'plan', { why: error instanceof Error ? error.message : String(error) });
}

/** A failure for people: the sentence, the first error where there is one, code, blame, next step. */
export function errorLines(value: Failure): string[] {
  const { evidence } = value;
  const where = evidence?.file ? `${evidence.file}${evidence.line ? `:${evidence.line}` : ''}: ` : '';
  return [
    `farm: ${value.message}`,
    ...(evidence ? [`  first  ${where}${evidence.text}`] : []),
    `  code   ${value.code} (${blameWords[value.blame]})`,
    `  next   ${value.next}`,
  ].map(printable);
}

const blameWords: Readonly<Record<Failure['blame'], string>> = {
  project: 'for the project to mend', farm: 'for the farm to mend', world: 'neither the project nor the farm',
};
