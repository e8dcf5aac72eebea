import { expect, it } from 'vitest';
import { rangeOf } from '../../../orchestrator/api/routes/files.ts';
import { matchesEtag } from '../../../orchestrator/api/routes/simple.ts';

it.each([
  [undefined, 'whole'], ['bytes=0-0', { start: 0, end: 1 }], ['bytes=90-', { start: 90, end: 100 }],
  ['bytes=-10', { start: 90, end: 100 }], ['bytes=-500', { start: 0, end: 100 }], ['bytes=5-500', { start: 5, end: 100 }],
  ['bytes=100-', 'none'], ['bytes=-0', 'none'], ['bytes=7-3', 'whole'], ['bytes=-', 'whole'], ['bytes=0-1,3-4', 'whole'],
  ['lines=0-1', 'whole'],
] as const)('Range %s of 100 bytes', (header, expected) => {
  expect(rangeOf(header, 100)).toEqual(expected);
});

it.each([
  [undefined, false], ['"a"', true], ['"b"', false], ['W/"a"', true], ['"b", "a"', true], ['*', true], ['a', false],
] as const)('If-None-Match %s', (header, expected) => {
  expect(matchesEtag(header, '"a"')).toBe(expected);
});
