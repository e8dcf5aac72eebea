/** What a check run says of a release. */
import type { BuildView } from '../contract/api.ts';
import { platformOf } from '../domain/plan.ts';
import type { CheckRun } from '../github-ports.ts';
import type { TriggerPart } from './prisma/registration-rows.ts';

const serves = new Set(['succeeded', 'covered', 'upstream']);
/** A stranger's words in Markdown: nothing of them is markup, a link or a mention. */
const plain = (text: string): string => text.replace(/[\\`*_{}[\]()<>#+!|~@-]/g, '\\$&').replace(/\s+/g, ' ').slice(0, 300);

/** State, title and summary of a check run, with a table of platforms and what is missing. */
export function checkSummary(part: TriggerPart, view: BuildView | null, page: string): Pick<CheckRun, 'state' | 'title' | 'summary'> {
  if (!view) {
    const why = part.failure?.message ?? 'nothing was built';
    return { state: 'failure', title: 'No wheels', summary: `${plain(why)}\n\nNext: ${plain(part.failure?.next ?? '')}\n\n[${plain(part.project)}](${page})` };
  }
  const done = view.cells.filter(({ state }) => serves.has(state)).length;
  const title = `${done} of ${view.cells.length} targets${view.state === 'running' ? ', building' : ''}`;
  const platforms = Map.groupBy(view.cells, ({ target }) => platformOf(target));
  const rows = [...platforms].map(([platform, cells]) =>
    `| \`${platform}\` | ${cells.map(({ target, state }) => `${target.slice(0, target.indexOf('-'))} ${state}`).join(', ')} |`);
  const failed = view.cells.filter(({ failure }) => failure !== null).slice(0, 20)
    .map(({ target, failure }) => `- \`${target}\`: ${plain(failure?.message ?? '')} Next: ${plain(failure?.next ?? '')}`);
  const state = view.state === 'running' ? 'in_progress' : view.state === 'succeeded' ? 'success' : view.state === 'cancelled' ? 'neutral' : 'failure';
  return {
    state, title,
    summary: [`${plain(view.displayName)} ${plain(view.version)}`, '', '| platform | targets |', '| --- | --- |', ...rows, '', ...failed, '', `[All of it](${page})`].join('\n'),
  };
}
