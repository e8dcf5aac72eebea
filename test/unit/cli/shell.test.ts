import { expect, it } from 'vitest';
import { readShell } from '../../../orchestrator/cli/shell.ts';

it('takes the cell, and everything after -- as the command', () => {
  expect(readShell(['markupsafe==3.0.2', 'cp311-manylinux_x86_64']))
    .toEqual({ project: 'markupsafe', version: '3.0.2', target: 'cp311-manylinux_x86_64', command: [] });
  expect(readShell(['a==1!2.0+x', 't', '--', 'sh', '-c', 'exit 3', '--', '--help']).command)
    .toEqual(['sh', '-c', 'exit 3', '--', '--help']);
});

it.each([
  [[]], [['markupsafe', 't']], [['markupsafe==', 't']], [['==1', 't']], [['a==1']], [['a==1', 't', 'sh']], [['a==1', '--', 't']],
  [['a==1', 't', '--fast']],
])('refuses %j', (argv) => {
  expect(() => readShell(argv)).toThrowError(expect.objectContaining({ failure: expect.objectContaining({ code: 'FARM_BAD_REQUEST' }) as unknown }) as Error);
});
