import type { BuildView, SourceView } from '../contract/api.ts';
import { clientOf, type ApiClient } from './api-client.ts';
import { readArguments } from './arguments.ts';
import type { Command, Context } from './command.ts';

export const command: Command = {
  usage: 'cancel [BUILD]',
  help: ['Ends a build: its containers are gone within seconds, and nothing of it is published.', '', '  BUILD  the newest that is running when absent, else the newest making of an sdist'],
  async act(context, argv) {
    const { positionals } = readArguments(argv, {});
    const client = clientOf(context.places);
    const running = positionals[0] ?? (await client.get<BuildView[]>('/builds?limit=20')).find((build) => build.state === 'running')?.id;
    if (!running) return cancelMaking(context, client);
    await client.post(`/builds/${encodeURIComponent(running)}/cancel`, { by: 'the command line' });
    context.out.write(`Build ${running} is being cancelled.\n`);
    return 0;
  },
};

/** Before a folder has its sdist there is no build to cancel. */
async function cancelMaking({ out }: Context, client: ApiClient): Promise<number> {
  const [making] = await client.get<SourceView[]>('/sources');
  if (making) await client.post(`/sources/${encodeURIComponent(making.id)}/cancel`, {});
  out.write(making ? `The sdist of ${making.filename} is being cancelled.\n` : 'No build is running.\n');
  return 0;
}
