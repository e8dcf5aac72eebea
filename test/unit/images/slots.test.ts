import { expect, it } from 'vitest';
import { Slots } from '../../../images/slots.ts';

it('lets two works go on at a time, in the order in which they came, also after a failure', async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const work = (n: number) => async (): Promise<void> => {
    begun.push(n);
    await new Promise<void>((end) => { ends.push(end); });
    if (n === 0) throw new Error('failed');
  };
  const all = [0, 1, 2, 3].map((n) => slots.use(work(n)).then(() => 'ok', () => 'failed'));
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  ends[0]!();
  expect(await all[0]).toBe('failed');
  expect(begun).toEqual([0, 1, 2]);
  ends[2]!();
  await all[2];
  expect(begun).toEqual([0, 1, 2, 3]);
  ends[1]!();
  ends[3]!();
  expect(await Promise.all(all)).toEqual(['failed', 'ok', 'ok', 'ok']);
});
