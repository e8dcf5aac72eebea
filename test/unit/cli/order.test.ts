import { expect, it } from 'vitest';
import type { SourceView } from '../../../orchestrator/contract/api.ts';
import { sdistMade } from '../../../orchestrator/cli/order.ts';

const making: SourceView = { id: 's 1', kind: 'folder', state: 'making', filename: 'x.tar.gz', bytes: 1, failure: null, sdist: null };

it('ends the making of an sdist on the farm when it is interrupted', async () => {
  const stop = new AbortController();
  const posted: string[] = [];
  const client = {
    get: async <T>() => making as T,
    post: async <T>(path: string) => { posted.push(path); return undefined as T; },
  };
  const waiting = sdistMade(client, making, () => stop.abort(), stop.signal);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  expect(posted).toEqual(['/sources/s%201/cancel']);
});
