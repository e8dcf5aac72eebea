import { describe, expect, it } from 'vitest';
import type { TestCase, TestModule, TestSuite } from 'vitest/node';
import { CountingReporter } from '../../support/reporter.ts';

const module = (errors: { message: string }[] = []): TestModule => ({
  relativeModuleId: 'a.test.ts', project: { name: 'unit' }, errors: () => errors, diagnostic: () => ({ duration: 1 }),
  children: { allTests: () => [] },
}) as unknown as TestModule;
const test = (state: 'passed' | 'failed'): TestCase =>
  ({ module: module(), fullName: 'x', result: () => ({ state, errors: state === 'failed' ? [{ message: 'boom' }] : undefined }) }) as unknown as TestCase;

function reporter(): { told: string[]; it: CountingReporter } {
  const told: string[] = [];
  return { told, it: new CountingReporter((text) => { told.push(text); }) };
}

describe('the last line', () => {
  it('counts passed and failed tests', () => {
    const { it: counting, told } = reporter();
    for (const state of ['passed', 'passed', 'failed'] as const) counting.onTestCaseResult(test(state));
    counting.onTestRunEnd([], [], 'failed');
    expect(counting.lastLine(1)).toBe('2 passed, 1 failed\n');
    expect(told.join('')).toContain('boom');
  });

  it('counts a file that does not load, a hook that throws and an error that nobody caught', () => {
    const { it: counting } = reporter();
    counting.onTestModuleEnd(module([{ message: 'no such module' }]));
    counting.onTestSuiteResult({ module: module(), fullName: 's', errors: () => [{ message: 'beforeAll' }] } as unknown as TestSuite);
    counting.onTestRunEnd([], [{ message: 'late' }], 'failed');
    expect(counting.lastLine(1)).toBe('0 passed, 3 failed\n');
  });

  it('counts a failure around the tests', () => {
    const { it: counting } = reporter();
    counting.onTestCaseResult(test('passed'));
    counting.onTestRunEnd([], [], 'passed');
    expect(counting.lastLine(0)).toBe('1 passed, 0 failed\n');
    expect(counting.lastLine(1)).toBe('1 passed, 1 failed\n');
  });

  it('does not call an end before the tests a success', () => {
    expect(reporter().it.lastLine(0)).toBe('0 passed, 1 failed\n');
  });
});
