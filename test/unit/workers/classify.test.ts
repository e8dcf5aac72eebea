import { describe, expect, it } from 'vitest';
import { cellLimits } from '../../../orchestrator/contract/limits.ts';
import type { Ended, StepExit } from '../../../workers/backend/types.ts';
import { classify, durationWords, sizeWords } from '../../../workers/classify.ts';
import type { StepContext } from '../../../workers/classify.ts';

const context: StepContext = {
  step: 'build', what: 'demo==1.0', target: 'cp311-manylinux_x86_64', limits: cellLimits, msMax: 90_000,
};
const exit = (logTail: string, more: Partial<StepExit> = {}): StepExit =>
  ({ ended: 'exit', code: 1, result: null, logTail, ms: 10, ...more });
const reported = (code: string, why: string, text = '') =>
  ({ ok: false, code, words: { why }, ...(text ? { evidence: { text } } : {}) });

const compileLog = [
  "building 'compileerr._x' extension",
  '/opt/wheelfarm/bin/cc -O2 -DNDEBUG -fPIC -c src/x.c -o build/temp.linux-x86_64-cpython-311/src/x.o',
  "\u001b[1msrc/x.c:3:27: \u001b[31merror: \u001b[0muse of undeclared identifier 'undeclared_thing'",
  '    3 | int broken(void) { return undeclared_thing; }',
  '      |                           ^',
  '1 error generated.',
  "error: Command '['/opt/wheelfarm/bin/cc', '-c', 'src/x.c']' returned non-zero exit status 1.",
].join('\r\n');
const headerLog = (header: string, file = 'src/x.c') => [
  `${file}:1:10: fatal error: '${header}' file not found`,
  `    1 | #include <${header}>`, '      |          ^~~~~~~~~~~', '1 error generated.',
  "error: Command '['/opt/wheelfarm/bin/cc', '-c']' returned non-zero exit status 1.",
].join('\n');
const traceback = (last: string) =>
  `Traceback (most recent call last):\n  File "/work/src/backend.py", line 3, in build_wheel\n    work()\n${last}`;

describe('what the backend stopped', () => {
  it.each<[Ended, string, string]>([
    ['timeout', 'FARM_BUILD_TIMEOUT', 'The build step took longer than 90 seconds.'],
    ['silent', 'FARM_STEP_SILENT', 'The build step printed nothing for 30 minutes.'],
    ['flood', 'FARM_LOG_FLOOD', 'The build step printed more than 16 MiB.'],
    ['memory', 'FARM_MEMORY', 'The build step needed more memory than 3 GiB.'],
    ['disk', 'FARM_DISK', 'The build step filled its work folder of 2 GiB.'],
    ['pids', 'FARM_PIDS', 'The build step started more than 512 processes.'],
    ['cancelled', 'FARM_CANCELLED', 'Cancelled by request.'],
  ])('%s is %s', (ended, code, message) => {
    expect(classify(exit('one\ntwo\n', { ended, code: null }), context))
      .toMatchObject({ code, message, step: 'build', evidence: { text: 'one\ntwo' } });
  });

  it('a test that takes too long has its own card', () => {
    expect(classify(exit('', { ended: 'timeout' }), { ...context, step: 'test' }).code).toBe('FARM_TEST_TIMEOUT');
  });

  it('a limit wins over a result that the build wrote itself', () => {
    expect(classify(exit('', { ended: 'memory', result: reported('FARM_WHEEL_NONE', '') }), context).code)
      .toBe('FARM_MEMORY');
  });
});

const zigLink = "error: unable to find dynamic system library 'nowhere' using strategy 'paths_first'. "
  + 'searched paths: none';

describe('causes that the log shows', () => {
  const cases: [string, string, string, Record<string, unknown>][] = [
    ['clang error', compileLog, 'FARM_COMPILE_ERROR',
      { file: 'src/x.c', line: 3, text: "use of undeclared identifier 'undeclared_thing'" }],
    ['gcc error with the absolute path',
      "/work/src/src/x.c:3:27: error: 'y' undeclared (first use in this function)\n"
        + "error: command '/usr/bin/gcc' failed with exit code 1",
      'FARM_COMPILE_ERROR', { file: 'src/x.c', line: 3, text: "'y' undeclared (first use in this function)" }],
    ['clang header', headerLog('nowhere.h'), 'FARM_HEADER_MISSING', { file: 'src/x.c', line: 1,
      text: "'nowhere.h' file not found" }],
    ['gcc header', "src/x.c:1:10: fatal error: ffi/ffi.h: No such file or directory\n"
      + "error: command 'gcc' failed with exit code 1",
      'FARM_HEADER_MISSING', { file: 'src/x.c', line: 1, text: 'ffi/ffi.h: No such file or directory' }],
    ['zig linker', `${zigLink}\nerror: Command '['/opt/wheelfarm/bin/cc']' returned non-zero exit status 1.`,
      'FARM_LINK_ERROR', { text: zigLink }],
    ['ld.lld', "ld.lld: error: undefined symbol: deflate\n>>> referenced by x.c\n"
      + "error: command 'cc' failed with exit code 1",
      'FARM_LINK_ERROR', { text: 'ld.lld: error: undefined symbol: deflate' }],
    ['lld-link, below a command that was cut off', "lld-link: error: undefined symbol: slp_switch\n>>> referenced by x.obj\n"
      + "SystemExit: error: Command '['/opt/wheelfarm/bin/c++', '-O2', '-shared', 'build/temp.win-amd64-cpython-31",
      'FARM_LINK_ERROR', { text: 'lld-link: error: undefined symbol: slp_switch' }],
    ['an option that the compiler does not know', "error: Unknown Clang option: '-fno-tree-dominator-opts'\n"
      + "error: Command '['/opt/wheelfarm/bin/c++', '-O2', '-c', 'src/x.cpp']' returned non-zero exit status 1.",
      'FARM_COMPILE_ERROR', { text: "Unknown Clang option: '-fno-tree-dominator-opts'" }],
    ['GNU ld', "/usr/bin/ld: x.o: in function `f':\nx.c:(.text+0x5): undefined reference to `deflate'\n"
      + "collect2: error: ld returned 1 exit status\nerror: command 'gcc' failed with exit code 1",
      'FARM_LINK_ERROR', { text: "x.c:(.text+0x5): undefined reference to `deflate'" }],
    ['rustc', 'error[E0425]: cannot find value `y` in this scope\n --> src/lib.rs:3:5\n  |\n'
      + 'error: could not compile `demo` (lib) due to 1 previous error',
      'FARM_COMPILE_ERROR', { file: 'src/lib.rs', line: 3, text: 'cannot find value `y` in this scope' }],
    ['Cython', 'Error compiling Cython file:\n------------------------------------------------------------\n'
      + 'cdef int f(): return nope\n                    ^\n'
      + '------------------------------------------------------------\n\n'
      + 'src/a.pyx:1:21: undeclared name not builtin: nope\nCython.Compiler.Errors.CompileError: src/a.pyx',
      'FARM_COMPILE_ERROR', { file: 'src/a.pyx', line: 1, text: 'undeclared name not builtin: nope' }],
    ['full disk in a compiler', "cc: error: No space left on device\nerror: command 'cc' failed with exit code 1",
      'FARM_DISK', { text: 'cc: error: No space left on device' }],
    ['killed compiler', "gcc: fatal error: Killed signal terminated program cc1\n"
      + "error: command 'gcc' failed with exit code 1",
      'FARM_MEMORY', { text: 'gcc: fatal error: Killed signal terminated program cc1' }],
  ];
  it.each(cases)('%s', (_, log, code, evidence) => {
    const failure = classify(exit(log, { result: reported('FARM_BUILD_FAILED', log.split(/\r?\n/).at(-1)!) }), context);
    expect(failure).toMatchObject({ code, step: 'build' });
    expect(failure.evidence).toEqual(evidence);
  });

  it.each([
    ['FARM_NETWORK_USED', 'urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>'],
    ['FARM_NETWORK_USED', 'OSError: [Errno 101] Network is unreachable'],
    ['FARM_RUNS_TARGET_CODE', "OSError: [Errno 8] Exec format error: './generator'"],
    ['FARM_RUNS_TARGET_CODE', 'ImportError: /work/src/x/_x.so: invalid ELF header'],
    ['FARM_DISK', 'OSError: [Errno 28] No space left on device'],
    ['FARM_PIDS', 'BlockingIOError: [Errno 11] Resource temporarily unavailable'],
    ['FARM_PIDS', "RuntimeError: can't start new thread"],
    ['FARM_MEMORY', 'MemoryError'],
    ['FARM_BUILD_FAILED', 'ValueError: no such option: fast'],
  ])('%s from the traceback %s', (code, last) => {
    const result = reported('FARM_BUILD_FAILED', last, traceback(last));
    expect(classify(exit(traceback(last), { result }), context).code).toBe(code);
  });

  it('a network error of a program that the build called', () => {
    const end = "subprocess.CalledProcessError: Command '['git', 'fetch']' returned non-zero exit status 128.";
    const log = `fatal: unable to access: Could not resolve host: example.org\n${traceback(end)}`;
    expect(classify(exit(log, { result: reported('FARM_BUILD_FAILED', end, traceback(end)) }), context).code)
      .toBe('FARM_NETWORK_USED');
  });

  it('of the audit that the program of repair has done', () => {
    const said = (step: string) => classify(exit('', {
      result: { ok: false, code: 'FARM_AUDIT_FLOOR', words: { member: 'a.so', found: '2.34', expected: '2.17' }, step },
    }), { ...context, step: 'repair' });
    expect(said('audit')).toMatchObject({ code: 'FARM_AUDIT_FLOOR', step: 'audit' });
    expect(said('publish')).toMatchObject({ code: 'FARM_AUDIT_FLOOR', step: 'repair' });
  });

  it('a backend killed by the kernel needed too much memory', () => {
    expect(classify(exit('', { result: reported('FARM_BUILD_FAILED', 'it was killed by signal 9') }), context).code)
      .toBe('FARM_MEMORY');
    expect(classify(exit('', { code: 137 }), context).code).toBe('FARM_MEMORY');
  });

  it('a header that a probe did not find is not the cause of an exception that came later', () => {
    const log = `${headerLog('yaml.h', 'check.c').split('\n').slice(0, 4).join('\n'
      + '')}\n${traceback('ValueError: boom')}`;
    const failure = classify(exit(log, { result: reported('FARM_BUILD_FAILED', 'ValueError: boom',
      traceback('ValueError: boom')) }), context);
    expect(failure).toMatchObject({ code: 'FARM_BUILD_FAILED',
      message: 'The build backend failed: ValueError: boom.' });
  });

  it('a header that a probe did not find is not the cause of a compile error in another file', () => {
    const log = `${headerLog('yaml.h', 'build/check_libyaml.c').split('\n').slice(0, 4).join('\n')}\n${compileLog}`;
    expect(classify(exit(log, { result: reported('FARM_BUILD_FAILED', compileLog.split('\r\n').at(-1)!) }), context))
      .toMatchObject({ code: 'FARM_COMPILE_ERROR', evidence: { file: 'src/x.c', line: 3 } });
  });
});

describe('what a script reports', () => {
  it('fills the card with its words and those of the cell', () => {
    const result = { ok: false, code: 'FARM_WHEEL_MANY', words: { count: '2', files: 'a.whl, b.whl' } };
    expect(classify(exit('', { result }), context)).toMatchObject({
      code: 'FARM_WHEEL_MANY', message: 'The build wrote 2 wheels: a.whl, b.whl.', blame: 'project', retry: 'never',
    });
  });

  it('keeps file and line, relative to the source', () => {
    const result = { ...reported('FARM_PYPROJECT_BROKEN', 'Unclosed array (at line 3, column 1)'),
      evidence: { file: '/work/src/pyproject.toml', line: 3, text: 'build-backend = 3' } };
    expect(classify(exit('', { result }), { ...context, step: 'fetch' }).evidence)
      .toEqual({ file: 'pyproject.toml', line: 3, text: 'build-backend = 3' });
  });

  it.each(['FARM_LEASE_STALE', 'FARM_SIGN_FAILED', 'constructor', 7])('does not believe the code %s', (code) => {
    expect(classify(exit('last line', { result: { ok: false, code, words: {} } }), context)).toMatchObject({
      code: 'FARM_BUILD_FAILED', message: 'The build backend failed: last line.',
    });
  });

  it.each(['text', ['a'], { ok: false }, { ok: false, code: 'FARM_WHEEL_NONE', words: 'x', evidence: { text: 1 } }])(
    'never throws for the result %j', (result) => {
      expect(classify(exit('', { result }), context).code).toMatch(/^FARM_(BUILD_FAILED|WHEEL_NONE)$/);
    });

  it('says of a step of the farm without a result that the container broke', () => {
    expect(classify(exit('ImportError: x'), { ...context, step: 'audit' }).code).toBe('FARM_CONTAINER_BROKE');
    expect(classify(exit('', { code: 0 }), context).message)
      .toBe('The build backend failed: its result cannot be read.');
  });
});

it('says durations and sizes as people do', () => {
  expect([500, 1000, 90_000, 60_000, 1_800_000].map(durationWords))
    .toEqual(['500 milliseconds', '1 second', '90 seconds', '1 minute', '30 minutes']);
  expect([100, 65_536, 536_870_912, 3_221_225_472].map(sizeWords)).toEqual(['100 bytes', '64 KiB', '512 MiB', '3 GiB']);
});
