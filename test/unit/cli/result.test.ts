import { describe, expect, it } from 'vitest';
import type { BuildView, CellView } from '../../../orchestrator/contract/api.ts';
import { exitStatus, filePath, firstError, jsonResult, resultLines } from '../../../orchestrator/cli/result.ts';
import { changeLines, duration, size, tableLines } from '../../../orchestrator/cli/table.ts';

const cell = (target: string, more: Partial<CellView> = {}): CellView => ({
  target, tier: 1, state: 'succeeded', step: null, tested: 'passed', wheel: `demo-1.0-${target}.whl`, wheelSha256: 'a'.repeat(64),
  coveredBy: null, attemptId: 'a1', attempts: 1, failure: null, testFailure: null, notes: [],
  startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:00:04.200Z', bytes: 13_188, ...more,
});

const failed = cell('cp313-manylinux_armv7l', {
  state: 'failed', tested: null, wheel: null, wheelSha256: null, bytes: null, tier: 2,
  failure: {
    code: 'FARM_COMPILE_ERROR', step: 'build', blame: 'project', retry: 'never', message: 'The compiler refused the source.',
    next: 'See the first error.', evidence: { file: 'src/demo.c', line: 12, text: 'error: no\nmore' },
  },
});

const view = (more: Partial<BuildView> = {}): BuildView => ({
  id: 'b1', project: 'demo', displayName: 'Demo', version: '1.0', planSha256: 'c'.repeat(64), state: 'succeeded', started: true,
  cells: [cell('cp313-manylinux_x86_64', { notes: ['built without yaml.h'] }), failed], failure: null,
  upstreamFiles: ['demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl', 'demo-1.0-cp313-cp313-manylinux_2_17_armv7l.whl', 'demo-1.0.tar.gz'],
  published: ['demo-1.0-cp313-cp313-manylinux_2_17_x86_64.whl', 'demo-1.0.tar.gz'],
  sdist: { sha256: 'd'.repeat(64), filename: 'demo-1.0.tar.gz', bytes: 10 },
  startedAt: '2026-01-01T00:00:00Z', endedAt: '2026-01-01T00:01:05Z', index: 'http://127.0.0.1:1/simple/', ...more,
});

const trust = { identity: 'https://f.invalid/b', issuer: 'https://f.invalid', fingerprint: 'e'.repeat(64) };

describe('the result page', () => {
  const text = resultLines(view(), trust).join('\n');

  it('says what is new, what is missing and because of what', () => {
    expect(text).toContain('Coverage: upstream 2 wheels, farm 1; new: manylinux_x86_64 cp313; missing: cp313-manylinux_armv7l (FARM_COMPILE_ERROR)');
    expect(text).toContain('Upstream also has, outside this plan: manylinux_x86_64 cp312');
  });

  it('shows step, blame, first error with file and line, and the next step of a failure', () => {
    expect(text).toContain('cp313-manylinux_armv7l: build failed: The compiler refused the source.');
    expect(text).toContain('First error: src/demo.c:12: error: no');
    expect(text).toContain('FARM_COMPILE_ERROR, blame: project');
    expect(text).toContain('./farm shell demo==1.0 cp313-manylinux_armv7l');
  });

  it('names the innermost place and the exception of a traceback', () => {
    const text = 'Traceback (most recent call last):\n  File "/opt/x/hooks.py", line 4, in <module>\n    main()\n'
      + '  File "/work/src/setup.py", line 16, in build\n    raise RuntimeError("no")\nRuntimeError: no\n';
    expect(firstError({ text })).toBe('setup.py:16: RuntimeError: no');
    expect(firstError({ text: 'Traceback (most recent call last):\nSystemExit' })).toBe('Traceback (most recent call last):');
    expect(firstError({ file: 'a.c', line: 3, text: 'error: x\nmore' })).toBe('a.c:3: error: x');
    expect(firstError({ text: '' })).toBe('');
  });

  it('gives lines to paste, with the file’s own address', () => {
    expect(text).toContain('pip install --index-url http://127.0.0.1:1/simple/ demo==1.0');
    expect(text).toContain(`http://127.0.0.1:1${filePath('a'.repeat(64), 'demo-1.0-cp313-manylinux_x86_64.whl')}`);
    expect(text).toContain('--cert-identity https://f.invalid/b');
  });

  it('says notes once, with their cells', () => {
    expect(text).toContain('Note: built without yaml.h (cp313-manylinux_x86_64)');
  });

  it('gives no install lines for what is not on the index', () => {
    const lines = resultLines(view({ state: 'failed' }), trust).join('\n');
    expect(lines).toContain('is NOT on the index');
    expect(lines).not.toContain('pip install');
  });

  it('ends with the status that scripts read', () => {
    expect(['succeeded', 'failed', 'cancelled'].map((state) => exitStatus(view({ state })))).toEqual([0, 1, 130]);
  });

  it('is one object for machines', () => {
    expect(jsonResult(view())).toEqual({
      id: view().id, project: 'demo', version: '1.0', index: 'http://127.0.0.1:1/simple/',
      cells: [
        { target: 'cp313-manylinux_x86_64', state: 'succeeded', tested: 'passed', wheel: 'demo-1.0-cp313-manylinux_x86_64.whl', failure: null },
        { target: 'cp313-manylinux_armv7l', state: 'failed', tested: null, wheel: null, failure: failed.failure },
      ],
    });
  });
});

describe('the live table', () => {
  const now = Date.parse('2026-01-01T00:00:10Z');

  it('has a line for each cell', () => {
    expect(tableLines(view(), now)).toEqual([
      'Demo 1.0: 2 of 2 cells, 10.0 s',
      '  ✓ cp313-manylinux_x86_64  succeeded, tested            4.2 s    13 kB',
      '  ✗ cp313-manylinux_armv7l  failed                       4.2 s',
    ]);
  });

  it('prints only what changed where there is no terminal', () => {
    const before = view({ cells: [cell('cp313-manylinux_x86_64', { state: 'running', step: 'build', endedAt: null }), failed] });
    expect(changeLines(null, before, now)).toEqual([
      'cp313-manylinux_x86_64: build (10.0 s)', 'cp313-manylinux_armv7l: failed (4.2 s)']);
    expect(changeLines(before, view(), now)).toEqual(['cp313-manylinux_x86_64: succeeded, tested (4.2 s)']);
  });

  it('says times and sizes for people', () => {
    expect([duration(4_240), duration(65_000), size(999), size(13_188), size(4_100_000)]).toEqual(['4.2 s', '1 min 05 s', '999 B', '13 kB', '4.1 MB']);
  });
});
