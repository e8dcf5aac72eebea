import { alive } from '../../../infra/setup/processes.ts';
import { farmUrl, readKept } from './kept.ts';
import type { PartStatus } from './part-process.ts';
import { readRecord } from './supervisor.ts';
import { talk } from './talk.ts';

/** The object of `./farm status --json`; addresses are null before the first `up`. */
export interface GroupView {
  readonly api: string | null;
  readonly index: string | null;
  readonly dashboard: string | null;
  /** Empty when the group is down; `orphan` where a part outlived its supervisor. */
  readonly parts: readonly PartStatus[];
}

/** State of the group of a farm, as the supervisor tells it. */
export async function readView(home: string): Promise<GroupView> {
  const kept = readKept(home);
  const url = kept ? kept.open?.url ?? farmUrl(kept.ports) : null;
  const reply = await talk(home, { ask: 'status' });
  return {
    api: url && `${url}/api`, index: url && `${url}/simple/`, dashboard: url && `${url}/`,
    parts: reply?.ok ? reply.parts.filter(({ state }) => state !== 'done') : orphanParts(home),
  };
}

/** What runs although no supervisor answers: it was killed, and the next one has not taken over yet. */
function orphanParts(home: string): PartStatus[] {
  return (readRecord(home)?.parts ?? []).filter(alive)
    .map(({ name, pid }) => ({ name, state: 'orphan', pid, restarts: 0, since: '' }));
}

/** The same for people. */
export function viewLines(view: GroupView): string[] {
  if (view.parts.length === 0) return ['the farm is down; start it: ./farm up'];
  if (view.parts.some(({ state }) => state === 'orphan')) {
    return [
      'the supervisor is gone, its parts still run: `./farm up` starts them anew, `./farm down` ends them', '',
      ...view.parts.map(({ name, pid }) => `${name.padEnd(9)} orphan     pid ${pid}`),
    ];
  }
  return [
    `index      ${view.index}`, `dashboard  ${view.dashboard}`, `api        ${view.api}`, '',
    ...view.parts.map((part) => [
      part.name.padEnd(9), part.state.padEnd(10), part.pid ? `pid ${part.pid}`.padEnd(11) : ''.padEnd(11),
      part.restarts > 0 ? `started again ${part.restarts} times, ` : '', `since ${part.since}`,
    ].join(' ').trimEnd()),
  ];
}
