import { expect, test } from 'vitest';
import { apiDocument, clientText, typeText } from '../../../infra/api-client.ts';

test('the types of the dashboard\'s client have every address of the API, with bodies and answers that are known', async () => {
  const document = await apiDocument();
  const text = clientText(document);
  const addresses = Object.keys(document.paths).filter((path) => path.startsWith('/api/'));
  expect(addresses.length).toBeGreaterThan(40);
  for (const path of addresses) expect(text).toContain(`  ${JSON.stringify(path)}: {`);
  expect(text).toMatch(/"\/api\/builds": \{[\s\S]*?post: \{[\s\S]*?"what": string/);
});

test('a schema becomes the type that it describes', () => {
  expect(typeText({ type: 'object', properties: { a: { type: 'integer' }, b: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } } }, required: ['a'] }))
    .toBe('{ "a": number; "b"?: (string | null)[] }');
  expect(typeText({ type: 'object', patternProperties: { '^.*$': { const: 'x' } } })).toBe('Record<string, "x">');
  expect(typeText({})).toBe('unknown');
});
