import { describe, expect, it } from 'vitest';
import { failureOfProblem } from '../../../orchestrator/cli/api-client.ts';
import { errorLines, failureOf } from '../../../orchestrator/cli/print-error.ts';
import { FarmError, failure } from '../../../orchestrator/domain/failure.ts';

describe('an answer that is not good', () => {
  it('keeps code, words, blame and evidence of a Problem', () => {
    const problem = {
      type: 'about:blank', title: 'x', status: 404, detail: 'The index has no project named nope.',
      code: 'FARM_PROJECT_UNKNOWN', blame: 'project', next: 'Check the spelling.', evidence: { file: 'a', line: 3, text: 'b' },
    };
    expect(failureOfProblem(404, JSON.stringify(problem))).toMatchObject({
      code: 'FARM_PROJECT_UNKNOWN', blame: 'project', message: 'The index has no project named nope.',
      next: 'Check the spelling.', evidence: { file: 'a', line: 3, text: 'b' },
    });
  });

  it.each(['<html>Bad Gateway</html>', '{"code":"FARM_NEVER_HEARD_OF"}', 'null', ''])('is a fault when it is %j', (text) => {
    const found = failureOfProblem(502, text);
    expect(found.code).toBe('FARM_INTERNAL');
    expect(found.message).toContain('502');
  });
});

describe('an error on the screen', () => {
  it('has sentence, first error, code with blame, next step', () => {
    const value = failure('FARM_COMPILE_ERROR', 'build', { why: 'x', what: 'a==1', target: 't' }, { file: 'a.c', line: 7, text: 'no' });
    expect(errorLines(value)).toEqual([
      'farm: The compiler refused the source: x.',
      '  first  a.c:7: no',
      '  code   FARM_COMPILE_ERROR (for the project to mend)',
      '  next   See the first error; ./farm shell a==1 t opens the cell.',
    ]);
  });

  it('makes a fault of what nobody expected', () => {
    expect(failureOf(new TypeError('boom'))).toMatchObject({ code: 'FARM_INTERNAL', blame: 'farm' });
    const known = failure('FARM_NOT_UP', 'plan', { why: 'x' });
    expect(failureOf(new FarmError(known))).toBe(known);
  });
});
