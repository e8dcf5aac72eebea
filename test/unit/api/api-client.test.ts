import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apiDocument, clientFile, clientText, typeText } from '../../../infra/api-client.ts';

test('the types of the dashboard\'s client are those of the present API; write them anew: node infra/api-client.ts', async () => {
  expect(readFileSync(clientFile, 'utf8')).toBe(clientText(await apiDocument()));
});

test('a schema becomes the type that it describes', () => {
  expect(typeText({ type: 'object', properties: { a: { type: 'integer' }, b: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } } }, required: ['a'] }))
    .toBe('{ "a": number; "b"?: (string | null)[] }');
  expect(typeText({ type: 'object', patternProperties: { '^.*$': { const: 'x' } } })).toBe('Record<string, "x">');
  expect(typeText({})).toBe('unknown');
});
