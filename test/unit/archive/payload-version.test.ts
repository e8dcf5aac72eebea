import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { bufferSource } from '../../../orchestrator/adapters/archive/byte-source.ts';
import { membersWithVersion } from '../../../orchestrator/adapters/archive/old-version.ts';
import { openWheel } from '../../../orchestrator/adapters/archive/payload.ts';
import { oddName, oddWheelZip } from '../../support/odd-zip.ts';

it('names the members that will still say the old version', async () => {
  const bytes = oddWheelZip([
    { name: 'demo/_version.py', content: '__version__ = "1.0"\n' }, { name: 'demo/VERSION', content: '1.0\n' }, { name: 'demo/a.py', content: 'ratio = 1.0\n' },
    { name: 'demo/b.py', content: 'version = "1.0.1"\nVERSION_INFO = "11.0"\n' }, { name: 'demo/c.so', content: 'version 1.0' },
    { name: 'demo/d.json', content: '{"version": "v1.0"}' },
  ]);
  const wheel = await openWheel({
    source: bufferSource(bytes), filename: oddName, sha256: createHash('sha256').update(bytes).digest('hex'), expected: { name: 'demo', version: '1.0' },
  });
  if (!wheel.ok) throw new Error(JSON.stringify(wheel.error));
  expect(await membersWithVersion(wheel.value)).toEqual(['demo/_version.py', 'demo/VERSION', 'demo/d.json']);
});
