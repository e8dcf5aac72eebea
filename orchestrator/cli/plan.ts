import type { Static } from 'typebox';
import type { PlanCellView, PlanView } from '../contract/api.ts';
import { clientOf } from './api-client.ts';
import type { Command } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { readAsked, requestOf } from './order.ts';
import { printable } from './printable.ts';
import { leftLines, unsupportedLines } from './result.ts';
import { duration, size } from './table.ts';

const tiers = ['', 'required', 'wanted', 'best effort'];

export const command: Command = {
  usage: 'plan WHAT [--targets GLOB…] [--recipe FILE] [--json]',
  help: [
    'Shows the cells that a build would have: candidate rows, how each is built and tested, tier, and what earlier builds',
    'of the project took. Builds nothing.', '', '  WHAT  as for ./farm build',
  ],
  async act(context, argv) {
    const asked = readAsked(argv);
    await ensureUp(context);
    const client = clientOf(context.places);
    const request = await requestOf(client, asked, (line) => context.err.write(`${line}\n`), new AbortController().signal);
    const plan = await client.post<PlanView>('/plans', request);
    context.out.write(`${(asked.json ? [JSON.stringify(plan)] : planLines(plan)).join('\n')}\n`);
    return 0;
  },
};

/** The plan for people. Pure. */
export function planLines(plan: PlanView): string[] {
  const width = Math.max(...plan.cells.map(({ target }) => target.length));
  return [
    `${plan.project} ${plan.version}: ${plan.cells.length} cells from ${plan.sdist.filename} (${size(plan.sdist.bytes)}, sha256 ${plan.sdist.sha256})`,
    `plan ${plan.sha256}; requirements released until ${plan.cutoff}; SOURCE_DATE_EPOCH ${plan.sourceDateEpoch}`,
    ...plan.cells.filter(({ state }) => state !== 'unsupported').map((cell) => cellLine(cell, width)),
    ...leftLines(plan.cells.flatMap(({ target, why }) => (why === null ? [] : [{ target, why }]))),
    ...unsupportedLines(plan.unsupported),
    ...plan.images.map(({ name, state, expectedBytes, expectedSeconds }) =>
      `  image ${name} is ${state === 'making' ? 'being made' : 'made first'}: ${size(expectedBytes)}, about ${expectedSeconds} s on two free cores`),
    plan.unchanged ? 'Every cell has ended under this plan: ./farm build builds nothing.' : 'Build it: ./farm build',
    'Without --targets a build has the default ones of images/policy.json; --targets "*" has the whole grid.',
  ].map(printable);
}

function cellLine(cell: Static<typeof PlanCellView>, width: number): string {
  const rows = cell.rows.map((row) =>
    `${row.image}@${row.imageKey.slice(0, 12) || 'not made'} ${row.build}, test ${row.test}, ${row.floor}`);
  const passed = [...Map.groupBy(cell.passed, ({ why }) => why)]
    .map(([why, those]) => `; not ${those.map(({ image }) => image).join(', ')}: ${why}`).join('');
  const expected = cell.expectedMs === null ? 'no history'
    : `about ${duration(cell.expectedMs)}${cell.expectedBytes === null ? '' : `, ${size(cell.expectedBytes)}`}`;
  return `  ${cell.target.padEnd(width)}  ${(tiers[cell.tier] ?? '').padEnd(11)} ${cell.state.padEnd(10)} ${rows.join(' | ')}; ${expected}${passed}`;
}
