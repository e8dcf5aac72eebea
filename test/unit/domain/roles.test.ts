import { expect, test } from 'vitest';
import { mayAct, narrowed, roleIn, type Grant } from '../../../orchestrator/domain/roles.ts';

test('a role holds in its project, a role of the farm everywhere, and the higher one counts', () => {
  const grants: Grant[] = [{ project: '', role: 'viewer' }, { project: 'a', role: 'maintainer' }];
  expect([roleIn(grants, 'a'), roleIn(grants, 'b'), roleIn([], 'a')]).toEqual(['maintainer', 'viewer', null]);
  expect([mayAct(grants, 'trigger', 'a'), mayAct(grants, 'admin', 'a'), mayAct(grants, 'trigger', 'b'), mayAct(grants, 'trigger', '')])
    .toEqual([true, false, false, false]);
});

test('a token never may more than its account', () => {
  const admin: Grant[] = [{ project: '', role: 'admin' }];
  expect(narrowed(admin, { project: '', role: 'trigger' })).toEqual([{ project: '', role: 'trigger' }]);
  expect(narrowed(admin, { project: 'a', role: 'maintainer' })).toEqual([{ project: 'a', role: 'maintainer' }]);
  const some: Grant[] = [{ project: 'a', role: 'trigger' }, { project: 'b', role: 'admin' }];
  expect(narrowed(some, { project: '', role: 'admin' })).toEqual(some);
  expect(narrowed(some, { project: 'a', role: 'admin' })).toEqual([{ project: 'a', role: 'trigger' }]);
  expect(narrowed(some, { project: 'c', role: 'admin' })).toEqual([]);
});
