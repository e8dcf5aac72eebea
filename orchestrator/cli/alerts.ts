import { userInfo } from 'node:os';
import type { AlertView } from '../contract/registrations.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { printable } from './printable.ts';

export const command: Command = {
  usage: 'alerts [--project NAME] [--all] [--json] | alerts --acknowledge ID --why TEXT',
  help: [
    'Lists what a person must know of, though nobody waits for an answer: a tag that moved after its release.', '',
    '  --project NAME    only those of a project', '  --all             also those that somebody has seen to',
    '  --acknowledge ID  takes one off the pages; --why says what was done. What it stopped stays stopped.',
  ],
  async act({ places, out }, argv) {
    const { values, positionals } = readArguments(argv, {
      project: { type: 'string' }, all: { type: 'boolean' }, json: { type: 'boolean' }, acknowledge: { type: 'string' }, why: { type: 'string' },
    });
    if (positionals.length > 0) throw wrongUse('alerts takes options only');
    const client = clientOf(places);
    if (values.acknowledge !== undefined) {
      if (!values.why?.trim()) throw wrongUse('say what was done about it: --why TEXT');
      const seen = await client.post<AlertView>(`/alerts/${encodeURIComponent(values.acknowledge)}/acknowledge`, { why: values.why, by: userInfo().username });
      out.write(`${values.json ? JSON.stringify(seen) : alertLines(seen).join('\n')}\n`);
      return 0;
    }
    const query = new URLSearchParams({ limit: '100', ...(values.project === undefined ? {} : { project: values.project }), ...(values.all ? { all: '1' } : {}) });
    const alerts = await client.get<AlertView[]>(`/alerts?${query}`);
    out.write(`${values.json ? JSON.stringify(alerts) : alerts.flatMap(alertLines).join('\n') || 'there is no alert'}\n`);
    return 0;
  },
};

/** An alert as lines: when, what, and what to do, or who has seen to it. */
export const alertLines = ({ id, createdAt, failure, acknowledged }: AlertView): string[] => [
  `${id}  ${createdAt.slice(0, 19)}Z  ${failure.code}`,
  `  ${printable(failure.message)}`,
  acknowledged === null ? `  next: ${printable(failure.next)}` : `  seen to by ${printable(acknowledged.by)}, ${acknowledged.at.slice(0, 19)}Z: ${printable(acknowledged.why)}`,
];
