import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { readView, viewLines } from './group/view.ts';

export const command: Command = {
  usage: 'status [--json]',
  help: [
    'Shows the addresses of the farm and the state of its parts.', '',
    '  --json  one object {api, index, dashboard, parts: [{name, state, pid, restarts, since}]}',
  ],
  async act({ places, out }, argv) {
    const { values } = readArguments(argv, { json: { type: 'boolean' } });
    const view = await readView(places.home);
    out.write(`${values.json ? JSON.stringify(view) : viewLines(view).join('\n')}\n`);
    return 0;
  },
};
