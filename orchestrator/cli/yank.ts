import { userInfo } from 'node:os';
import type { YankView } from '../contract/history.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { printable } from './printable.ts';

export const command: Command = {
  usage: 'yank NAME==VERSION --why TEXT [--undo]',
  help: [
    'Marks every file of a release as yanked, with a reason: installers choose it only where it is pinned exactly, and',
    'show the reason. The files stay. --undo takes that back.', '',
    '  --why TEXT  the reason; users see it',
    '  --by NAME   who; your user name when absent',
    '  --undo      the release may be chosen again',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, { why: { type: 'string' }, by: { type: 'string' }, undo: { type: 'boolean' } });
    const [what, ...more] = positionals;
    if (!what || more.length > 0) throw wrongUse(what ? `one release at a time, not also ${more.join(' ')}` : 'say which release to yank');
    if ((values.why ?? '').trim() === '') throw wrongUse('say why, with --why; users see it');
    await ensureUp(context);
    const done = await clientOf(context.places).post<YankView>('/yanks', {
      what, why: values.why, by: values.by ?? userInfo().username, action: values.undo ? 'unyank' : 'yank',
    });
    const verb = done.action === 'yank' ? 'yanked' : 'may be chosen again';
    const { project, version, files } = done;
    context.out.write(files === 0 ? `${project} ${version} is so already.\n`
      : printable(`${project} ${version}: ${files} file${files === 1 ? '' : 's'} ${verb}: ${done.why}`) + '\n');
    return 0;
  },
};
