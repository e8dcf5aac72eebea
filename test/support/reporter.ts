import { writeSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

interface Trouble { readonly message?: string; readonly stack?: string; readonly diff?: string }

/**
 * Says what runs, what failed and why; the last line of the process is exactly `N passed, M failed`.
 * A file that does not load, a hook that throws and an error that nobody caught count as failed.
 */
export class CountingReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #ended = false;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void = (text) => { writeSync(1, text); }) {
    this.#write = write;
  }

  onInit(): void {
    // Clean-up after the tests may still print and fail: the count comes when the process ends.
    process.once('exit', (code) => {
      const line = this.lastLine(Number(process.exitCode ?? code));
      this.#write(line);
      // Packages with clean-up of their own end the process with status 0, whatever came before.
      if (!line.endsWith(' 0 failed\n')) process.exitCode = 1;
    });
  }

  onTestModuleStart(module: TestModule): void {
    this.#write(`start   ${nameOf(module)}\n`);
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === 'passed') this.#passed += 1;
    if (state === 'failed') this.#fail(`${nameOf(test.module)} > ${test.fullName}`, errors ?? []);
  }

  onTestSuiteResult(suite: TestSuite): void {
    if (suite.errors().length > 0) this.#fail(`${nameOf(suite.module)} > ${suite.fullName}`, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    if (module.errors().length > 0) this.#fail(nameOf(module), module.errors());
    const tests = [...module.children.allTests()];
    const bad = tests.filter((test) => test.result().state === 'failed').length + (module.errors().length > 0 ? 1 : 0);
    const took = (module.diagnostic().duration / 1000).toFixed(1);
    this.#write(`${bad > 0 ? 'FAILED ' : 'ok     '} ${nameOf(module)}: ${tests.length} tests, ${took} s\n`);
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly Trouble[], reason: string): void {
    this.#ended = true;
    for (const error of unhandled) this.#fail('an error that nobody caught', [error]);
    if (reason === 'interrupted') this.#fail('interrupted', []);
  }

  /**
   * The count.
   * @param exitCode of the process: not 0 without a failed test means that something around the tests failed
   */
  lastLine(exitCode: number): string {
    const around = this.#failed === 0 && (exitCode !== 0 || !this.#ended) ? 1 : 0;
    return `${this.#passed} passed, ${this.#failed + around} failed\n`;
  }

  #fail(name: string, errors: readonly Trouble[]): void {
    this.#failed += 1;
    const words = errors.map(({ message, diff, stack }) =>
      [message, diff, stack?.split('\n').filter((line) => !line.includes('node_modules')).slice(0, 8).join('\n')]
        .filter(Boolean).join('\n')).join('\n');
    this.#write(`FAIL    ${name}\n${words.replace(/^/gm, '        ')}\n`);
  }
}

function nameOf(module: TestModule): string {
  return `[${module.project.name}] ${module.relativeModuleId}`;
}
