import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { lowerGroup } from './group/lower.ts';

export const command: Command = {
  usage: 'down',
  help: [
    'Stops the farm and removes its containers; nothing that it started is left running. State stays in .farm/.',
    'The Docker engine serves the whole machine and is left as it is.',
  ],
  async act(context, argv) {
    readArguments(argv, {});
    const { parts, orphans, containers } = await lowerGroup(context);
    const words = [
      parts > 0 ? `${parts} parts stopped` : 'the farm was not up',
      ...(orphans > 0 ? [`${orphans} leftover processes ended`] : []),
      `${containers} containers removed`,
    ];
    context.out.write(`${words.join(', ')}; nothing is left running\n`);
    return 0;
  },
};
