import { expect, it } from 'vitest';
import { upstreamAddress } from '../../../orchestrator/adapters/upstream-address.ts';

const ask = (setting: string) => upstreamAddress({ setting, home: '/nowhere', own: 'http://127.0.0.1:20208', env: {} });

it('takes the setting, with a slash at its end', async () => {
  expect((await ask('https://index.example/simple')).url).toBe('https://index.example/simple/');
  expect((await ask('http://127.0.0.1:20209/simple/')).url).toBe('http://127.0.0.1:20209/simple/');
});

it.each(['http://127.0.0.1:20208/simple/', 'http://localhost:20208/simple', 'http://u:p@[::1]:20208/'])(
  'refuses the farm’s own index: %s', async (setting) => {
    await expect(ask(setting)).rejects.toMatchObject({ failure: { code: 'FARM_UPSTREAM_UNREACHABLE' } });
  });
