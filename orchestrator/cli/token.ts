import type { NewToken, TokenView } from '../contract/accounts.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: 'token [add NAME --role ROLE [--project NAME] [--days N] | revoke ID]',
  help: [
    'Lists, makes or revokes tokens of the API. A new token is printed once, alone on standard output; the farm keeps its digest.', '',
    '  --role     viewer, trigger (build, cancel), maintainer (edit, too) or admin; worker (joins a pool, and nothing else)',
    '  --project  only there; the whole farm when absent', '  --days     ends after so many days',
  ],
  async act(context, argv) {
    const { positionals: [what = 'list', name], values } = readArguments(argv, {
      role: { type: 'string' }, project: { type: 'string' }, days: { type: 'string' },
    });
    const client = clientOf(context.places);
    if (what === 'list') {
      for (const one of await client.get<TokenView[]>('/tokens')) context.out.write(`${one.id}  ${one.name.padEnd(20)} ${tokenWords(one)}\n`);
      return 0;
    }
    if (!['add', 'revoke'].includes(what) || !name) throw wrongUse('token takes add NAME or revoke ID');
    if (what === 'revoke') {
      await client.remove(`/tokens/${encodeURIComponent(name)}`);
      context.out.write(`Token ${name} opens nothing any more.\n`);
      return 0;
    }
    if (!values.role) throw wrongUse('token add takes --role');
    const made = await client.post<NewToken>('/tokens', {
      name, role: values.role, ...(values.project ? { project: values.project } : {}), ...(values.days ? { days: Number(values.days) } : {}),
    });
    context.err.write(`Token ${made.id}, ${tokenWords(made)}. It is shown this once:\n`);
    context.out.write(`${made.token}\n`);
    return 0;
  },
};

function tokenWords({ role, project, expiresAt, revokedAt }: TokenView): string {
  const end = revokedAt ? `revoked ${revokedAt.slice(0, 10)}` : expiresAt ? `until ${expiresAt.slice(0, 10)}` : 'without end';
  return `${role} of ${project || 'the whole farm'}, ${end}`;
}
