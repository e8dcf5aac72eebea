import { describe, expect, it } from 'vitest';
import { viewLines } from '../../../orchestrator/cli/group/view.ts';

const addresses = { api: 'http://127.0.0.1:1/api', index: 'http://127.0.0.1:1/simple/', dashboard: 'http://127.0.0.1:1/' };

describe('viewLines', () => {
  it('says how to start a farm that is down', () => {
    expect(viewLines({ ...addresses, parts: [] })).toEqual(['the farm is down; start it: ./farm up']);
  });

  it('does not call a farm down whose parts outlived their supervisor', () => {
    const lines = viewLines({ ...addresses, parts: [{ name: 'api', state: 'orphan', pid: 7, restarts: 0, since: '' }] });
    expect(lines[0]).toMatch(/supervisor is gone.*farm up.*farm down/);
    expect(lines.at(-1)).toBe('api       orphan     pid 7');
  });
});
