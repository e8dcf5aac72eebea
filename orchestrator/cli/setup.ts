import { ensureReady } from '../../infra/setup/ready.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: 'setup [--for build|test] [--only PART,…]',
  help: [
    'Installs what the farm needs; does nothing when it is all there. Every other command does this by itself.', '',
    '  --for test     also what only the tests need',
    '  --only PART,…  these parts and what they need, by the names of ./farm doctor',
  ],
  async act({ places, env, out, err }, argv) {
    const { values } = readArguments(argv, { for: { type: 'string', default: 'build' }, only: { type: 'string' } });
    const purpose = values.for;
    if (purpose !== 'build' && purpose !== 'test') throw wrongUse(`--for ${purpose} is neither build nor test`);
    await ensureReady(places, env, { purpose, screen: err, ...(values.only ? { only: values.only.split(',') } : {}) });
    out.write('everything is there\n');
    return 0;
  },
};
