import type { AccountView } from '../contract/accounts.ts';
import { FarmError, failure } from '../domain/failure.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { keepOpen, readKept, type Open } from './group/kept.ts';
import { ensureUp } from './group/raise.ts';
import { talk } from './group/talk.ts';
import { readView, viewLines } from './group/view.ts';

export const command: Command = {
  usage: 'up [--only PART,…] [--listen ADDR --url URL]',
  help: [
    'Starts database, Temporal, control plane and one worker, and waits until they are ready.',
    'A part that dies is started again. The farm goes on when the terminal closes; ./farm down stops it.',
    '', '  --only PART,…  start these parts alone, for example postgres,temporal',
    '  --listen ADDR  opens the farm to others, kept for the next starts: 0.0.0.0, ::, or 127.0.0.1 behind a proxy that ends TLS',
    '  --url URL      what others type, for example https://wheels.example.org',
    '  --listen 127.0.0.1 without --url: this machine alone again',
    'A farm that others reach needs an admin account first: ./farm account --help',
  ],
  async act(context, argv) {
    const { values } = readArguments(argv, { only: { type: 'string' }, listen: { type: 'string' }, url: { type: 'string' } });
    if (values.listen !== undefined || values.url !== undefined) await open(context, readOpen(values));
    await ensureUp(context, values.only?.split(','));
    context.out.write(`${viewLines(await readView(context.places.home)).join('\n')}\n`);
    return 0;
  },
};

/** @errors FARM_BAD_REQUEST for an address that this machine's own command line would not reach */
export function readOpen({ listen = '127.0.0.1', url }: { readonly listen?: string | undefined; readonly url?: string | undefined }): Open | null {
  if (!['127.0.0.1', '::1', '0.0.0.0', '::'].includes(listen)) throw wrongUse(`--listen takes 0.0.0.0, :: or 127.0.0.1, not ${listen}; a firewall or a proxy says who reaches it`);
  if (url === undefined) {
    if (listen === '127.0.0.1') return null;
    throw wrongUse('--listen needs --url: what others type');
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') throw wrongUse(`--url is no http address: ${url}`);
  return { listen, url: parsed.href.replace(/\/+$/, '') };
}

/** Asked before anything is changed: a control plane without an admin would not start. @errors FARM_NO_ADMIN */
async function open(context: Context, wanted: Open | null): Promise<void> {
  const { home } = context.places;
  if (JSON.stringify(readKept(home)?.open ?? null) === JSON.stringify(wanted)) return;
  if (wanted) {
    await ensureUp(context);
    const accounts = await clientOf(context.places).get<AccountView[]>('/accounts');
    const admin = accounts.some(({ kind, grants }) => kind !== 'local' && grants.some(({ project, role }) => project === '' && role === 'admin'));
    if (!admin) throw new FarmError(failure('FARM_NO_ADMIN', 'plan'));
  }
  await talk(home, { ask: 'stop' }, 30_000);
  keepOpen(home, wanted);
}
