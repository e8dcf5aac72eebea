import type { AccountView } from '../contract/accounts.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: 'account [add LOGIN --role ROLE [--project NAME] | remove LOGIN [--project NAME]]',
  help: [
    'Lists accounts, gives somebody a role, or takes it. A login is one of GitHub; it is a person from the first sign-in on.', '',
    '  --role     viewer, trigger (build, cancel), maintainer (edit, too) or admin',
    '  --project  only there; the whole farm when absent',
  ],
  async act(context, argv) {
    const { positionals: [what = 'list', login], values } = readArguments(argv, { role: { type: 'string' }, project: { type: 'string' } });
    const client = clientOf(context.places);
    if (what === 'list') {
      const accounts = await client.get<AccountView[]>('/accounts');
      for (const one of accounts) context.out.write(`${one.login.padEnd(24)} ${one.kind.padEnd(8)} ${roleWords(one)}\n`);
      if (accounts.length === 0) context.out.write('No account: whoever sits at this machine is the admin.\n');
      return 0;
    }
    if (!['add', 'remove'].includes(what) || !login) throw wrongUse('account takes add LOGIN or remove LOGIN');
    if (what === 'add' && !values.role) throw wrongUse('account add takes --role');
    const change = { role: what === 'add' ? values.role : null, ...(values.project ? { project: values.project } : {}) };
    const after = await client.set<AccountView>(`/accounts/${encodeURIComponent(login)}/roles`, change);
    context.out.write(`${after.login}: ${roleWords(after)}\n`);
    return 0;
  },
};

const roleWords = ({ grants }: AccountView): string =>
  grants.map(({ role, project }) => `${role} of ${project || 'the whole farm'}`).join(', ') || 'no role';
