import { describe, expect, it } from 'vitest';
import { evaluateMarker, parseMarker } from '../../../orchestrator/domain/marker.ts';
import {
  normalRequirements, parseRequirement, printRequirement, requirementDifference,
} from '../../../orchestrator/domain/requirement.ts';

const environment = {
  os_name: 'posix', sys_platform: 'linux', platform_machine: 'aarch64', platform_python_implementation: 'CPython',
  platform_system: 'Linux', python_version: '3.10', python_full_version: '3.10.12', implementation_name: 'cpython',
  platform_release: '6.1.0-x', extra: 'test-x',
};

function holds(text: string): boolean {
  const parsed = parseMarker(text);
  if (!parsed.ok) throw new Error(parsed.error.why);
  return evaluateMarker(parsed.value, environment);
}

describe('requirements', () => {
  it.each([
    ['Foo.Bar', 'foo-bar'], ['a[X_y, b]>=1,<2', 'a[b,x-y]<2,>=1'], ['a (>=1.0)', 'a>=1.0'], ['a~=1.4.2', 'a~=1.4.2'],
    ['a @ https://e.test/a;b.zip ; os_name == "nt"', 'a @ https://e.test/a;b.zip ; os_name == "nt"'],
    ["a; python_version<'3.8'", 'a; python_version < "3.8"'],
    ["a; '3.8' > python_version", 'a; python_version < "3.8"'],
    ["a; extra == 'Dev_X' and (os_name=='nt' or sys_platform != \"linux\")",
      'a; (os_name == "nt" or sys_platform != "linux") and extra == "dev-x"'],
    ['a; python_implementation == "PyPy"', 'a; platform_python_implementation == "PyPy"'],
    ['a; "x86" in platform_machine', 'a; "x86" in platform_machine'], ['a==1.0.*', 'a==1.0.*'],
    ['a ;os_name=="nt"', 'a; os_name == "nt"'],
  ])('%s has the normal form %s', (text, normal) => {
    const parsed = parseRequirement(text);
    expect(parsed.ok && printRequirement(parsed.value)).toBe(normal);
    const again = parseRequirement(normal);
    expect(again.ok && printRequirement(again.value)).toBe(normal);
  });

  it.each(['', '-a', 'a b', 'a>=', 'a[é]', 'a @ ', 'a; os_name', 'a; nope == "x"', 'a; "x" == "y"', 'a; (os_name == "x"',
    'a; os_name == "x" and', 'a; os_name not "x"', 'a==1.0;', 'a,', 'a[,]', 'a @ https://e.test; os_name=="x"'])('refuses %j', (text) =>
    expect(parseRequirement(text).ok).toBe(false));

  it.each([
    ['python_version >= "3.9"', true], ['python_version < "3.9"', false], ['python_full_version == "3.10.*"', true],
    ['sys_platform == "win32" or os_name == "posix"', true],
    ['sys_platform == "linux" and platform_machine == "x86_64"', false],
    ['extra == "Test_X"', true], ['extra == "docs"', false], ['platform_machine in "x86_64 aarch64"', true],
    ['platform_machine not in "x86_64 aarch64"', false], ['"arch" in platform_machine', true],
    ['platform_release >= "5"', false],
    ['os_name == "posix" or os_name == "nt" and sys_platform == "win32"', true], ['python_version in "3.9 3.10"', true],
    ['"3.9" <= python_version', true], ['implementation_name != "pypy"', true], ['os_name < "zzz"', false],
    ['os_name <= "posix"', true],
  ])('%s is %s', (text, expected) => expect(holds(text)).toBe(expected));

  it('compares lists by meaning', () => {
    expect(requirementDifference(['A>=1', 'b ; extra=="x"'], ["b; extra == 'X'", 'a >= 1'])).toEqual({
      onlyLeft: [], onlyRight: [],
    });
    expect(requirementDifference(['a>=1'], ['a>=2', 'c'])).toEqual({ onlyLeft: ['a>=1'], onlyRight: ['a>=2', 'c'] });
    expect(normalRequirements(['not ! valid ', 'a', 'A'])).toEqual(['a', 'not ! valid']);
  });
});
