import { describe, expect, test, vi } from 'vitest';
import { grouped, onceFor } from '../../../orchestrator/adapters/grouped.ts';

const settled = async (): Promise<void> => { for (let turn = 0; turn < 20; turn += 1) await Promise.resolve(); };

describe('calls in groups', () => {
  test('a lone call goes at once; those that come meanwhile share the next', async () => {
    const groups: number[][] = [];
    let release = (): void => undefined;
    const ask = grouped<number, number>(async (group) => {
      groups.push([...group]);
      await new Promise<void>((resolve) => { release = resolve; });
      return group.map((one) => one * 2);
    }, { atOnceMax: 3, apartMs: 0 });
    const answers = [1, 2, 3, 4, 5].map((one) => ask(one));
    await settled();
    expect(groups).toEqual([[1]]);
    release();
    await settled();
    expect(groups).toEqual([[1], [2, 3, 4]]);
    release();
    await settled();
    release();
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
    expect(groups).toEqual([[1], [2, 3, 4], [5]]);
  });

  test('groups begin apart; after a pause a call goes at once again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    try {
      const groups: number[][] = [];
      const ask = grouped<number, true>(async (group) => { groups.push([...group]); return group.map(() => true); }, { atOnceMax: 10, apartMs: 20 });
      await ask(1);
      const later = [ask(2), ask(3)];
      await settled();
      expect(groups).toEqual([[1]]);
      await vi.advanceTimersByTimeAsync(20);
      await Promise.all(later);
      expect(groups).toEqual([[1], [2, 3]]);
      await vi.advanceTimersByTimeAsync(50);
      await ask(4);
      expect(groups).toEqual([[1], [2, 3], [4]]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('one that cannot be done fails no other where each is tried alone', async () => {
    const work = async (group: readonly string[]): Promise<readonly string[]> => {
      if (group.includes('bad')) throw new Error('bad');
      return group;
    };
    const said = async (aloneAfter: boolean): Promise<string[]> => {
      const ask = grouped(work, { atOnceMax: 10, apartMs: 0, ...(aloneAfter ? { aloneAfter } : {}) });
      const all = await Promise.allSettled(['first', 'a', 'bad', 'b'].map((one) => ask(one)));
      return all.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));
    };
    expect(await said(true)).toEqual(['first', 'a', 'bad', 'b']);
    expect(await said(false)).toEqual(['first', 'bad', 'bad', 'bad']);
  });

  test('an error of one is its own, and an answer that is missing is an error', async () => {
    const ask = grouped<number, number>(async (group) => group.flatMap((one): (number | Error)[] => (one === 2 ? [new Error('two')] : one === 4 ? [] : [one])), { atOnceMax: 10, apartMs: 0 });
    const all = await Promise.allSettled([1, 2, 3, 4].map((one) => ask(one)));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });
});

test('what belongs to an owner is made once', () => {
  const make = vi.fn<(owner: { name: string }) => { of: string }>((owner) => ({ of: owner.name }));
  const of = onceFor(make);
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  expect([of(a), of(b), of(a)].map((one) => one.of)).toEqual(['a', 'b', 'a']);
  expect(make).toHaveBeenCalledTimes(2);
});
