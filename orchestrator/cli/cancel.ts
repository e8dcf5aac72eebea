import type { BuildView } from '../contract/api.ts';
import { clientOf } from './api-client.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: 'cancel [BUILD]',
  help: ['Ends a build: its containers are gone within seconds, and nothing of it is published.', '', '  BUILD  the newest that is running when absent'],
  async act(context, argv) {
    const { positionals } = readArguments(argv, {});
    const client = clientOf(context.places);
    const running = positionals[0] ?? (await client.get<BuildView[]>('/builds?limit=20')).find((build) => build.state === 'running')?.id;
    if (!running) {
      context.out.write('No build is running.\n');
      return 0;
    }
    await client.post(`/builds/${encodeURIComponent(running)}/cancel`, { by: 'the command line' });
    context.out.write(`Build ${running} is being cancelled.\n`);
    return 0;
  },
};
