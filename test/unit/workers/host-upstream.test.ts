import { describe, expect, it } from 'vitest';
import { readHostNetwork } from '../../../workers/backend/host-network.ts';

describe('readHostNetwork', () => {
  it('takes the index of the farm for requirements, and no other beside it', async () => {
    const { environment } = await readHostNetwork({
      PATH: '/nowhere', FARM_UPSTREAM: 'https://index.example/simple/', PIP_EXTRA_INDEX_URL: 'https://other.example/simple/',
    });
    expect(environment).toEqual({ PIP_INDEX_URL: 'https://index.example/simple/' });
  });
});
