import { expect, it } from 'vitest';
import { installOnHost } from '../../../images/host-apt.ts';

it('lets one ask at a time, and asks nothing of apt for what came meanwhile', async () => {
  let inside = 0;
  let most = 0;
  const there = async (): Promise<boolean> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((done) => { setTimeout(done, 5); });
    inside -= 1;
    return true;
  };
  await Promise.all(Array.from({ length: 5 }, () => installOnHost(['no-such-package-of-debian'], there, {})));
  expect(most).toBe(1);
});
