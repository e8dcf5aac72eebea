import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { readView, viewLines } from './group/view.ts';

export const command: Command = {
  usage: 'up [--only PART,…]',
  help: [
    'Starts database, Temporal, control plane and one worker, and waits until they are ready.',
    'A part that dies is started again. The farm goes on when the terminal closes; ./farm down stops it.',
    '', '  --only PART,…  start these parts alone, for example postgres,temporal',
  ],
  async act(context, argv) {
    const { values } = readArguments(argv, { only: { type: 'string' } });
    await ensureUp(context, values.only?.split(','));
    context.out.write(`${viewLines(await readView(context.places.home)).join('\n')}\n`);
    return 0;
  },
};
