import { parseArgs, type ParseArgsConfig } from 'node:util';
import { FarmError, failure } from '../domain/failure.ts';

/**
 * Reads the arguments of a command.
 * @errors FARM_BAD_REQUEST with the words of Node's parser
 */
export function readArguments<T extends NonNullable<ParseArgsConfig['options']>>(
  argv: readonly string[], options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrongUse((error as Error).message.split('\n')[0]?.replace(/\.$/, '') ?? '');
  }
}

/** Arguments that make no sense. */
export function wrongUse(why: string): FarmError {
  const base = failure('FARM_BAD_REQUEST', 'plan', { why });
  return new FarmError({ ...base, next: 'See ./farm --help, or ./farm COMMAND --help.' });
}
