import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImportView } from '../contract/imports.ts';
import { FarmError, type Failure } from '../domain/failure.ts';
import { clientOf, type ApiClient } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { printable } from './printable.ts';
import { duration, size } from './table.ts';

export const command: Command = {
  usage: 'import NAME==VERSION [--json]',
  help: [
    'Takes a release from the upstream index, so that it can be edited here: every wheel and the sdist, checked by hash,',
    'with the attestations that upstream has of them. All of it becomes visible at once, or nothing. From then on this',
    'farm answers for the name alone: versions that are not here are not listed. Ctrl-C cancels.', '',
    '  --by NAME  who; your user name when absent',
    '  --json     the last line is the import as one object',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, { by: { type: 'string' }, json: { type: 'boolean' } });
    const [what, ...more] = positionals;
    if (!what || more.length > 0) throw wrongUse(what ? `one release at a time, not also ${more.join(' ')}` : 'say which release to import');
    await ensureUp(context);
    const client = clientOf(context.places);
    const started = await client.post<ImportView>('/imports', { what, by: values.by ?? userInfo().username });
    const ended = await followed(context, client, started);
    if (ended.failure) throw new FarmError(ended.failure as Failure);
    context.out.write(`${importedLines(ended).map(printable).join('\n')}\n`);
    if (values.json) context.out.write(`${JSON.stringify(ended)}\n`);
    return ended.state === 'published' ? 0 : 1;
  },
};

/** Shows how far it is; Ctrl-C asks for the end of it, and is answered when it has ended. */
async function followed(context: Context, client: ApiClient, started: ImportView): Promise<ImportView> {
  const { err } = context;
  let cancelled = false;
  const cancel = (): void => {
    cancelled = true;
    void client.post(`/imports/${started.id}/cancel`, { by: 'Ctrl-C' }).catch(() => { cancelled = false; });
  };
  process.on('SIGINT', cancel);
  let view = started;
  let said = '';
  let failures = 0;
  try {
    while (view.state === 'running') {
      const line = cancelled ? 'cancelling' : progressOf(view);
      if (line !== said) err.write(err.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
      said = line;
      await sleep(err.isTTY ? 200 : 1_000);
      try {
        view = await client.get<ImportView>(`/imports/${started.id}`);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!(error instanceof FarmError) || error.failure.code !== 'FARM_NOT_UP' || failures > 60) throw error;
      }
    }
  } finally {
    process.off('SIGINT', cancel);
    if (err.isTTY) err.write('\r\x1b[K');
  }
  return view;
}

function progressOf({ files }: ImportView): string {
  const here = files.filter(({ fetched }) => fetched);
  const bytes = here.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  return here.length === files.length ? `all ${files.length} files are here (${size(bytes)}); signing`
    : `fetched ${here.length} of ${files.length} files, ${size(bytes)}`;
}

/** The last page of an import. */
export function importedLines(view: ImportView): string[] {
  const { project, version, files, index } = view;
  const took = duration(Date.parse(view.endedAt ?? view.startedAt) - Date.parse(view.startedAt));
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  const of = (state: string) => files.filter(({ attested }) => attested === state);
  const why = of('unverified')[0]?.attestedWhy;
  return [
    `${project} ${version} was imported: ${files.length} file${files.length === 1 ? '' : 's'}, ${size(bytes)}, in ${took}. Import ${view.id}`,
    `Attestations of upstream: ${of('verified').length} verified, ${of('unverified').length} recorded but not verified, ${of('none').length} files have none.`,
    ...(why ? [`  Not verified, because ${why}`] : []),
    ...files.filter(({ oddity }) => oddity !== null).map(({ filename, oddity }) => `Note: ${filename} cannot be edited: ${oddity ?? ''}`),
    ...view.notes.map((note) => `Note: ${note}`),
    `Note: this farm answers for ${project} alone from now on; versions that are not here are not listed.`,
    'Install it:',
    `  python3 -m venv venv && venv/bin/pip install --index-url ${index} ${project}==${version}`,
    'Edit it:',
    `  ./farm edit ${project}==${version} --bound 'Requires-Python: <3.14' --why 'it fails on 3.14'`,
  ];
}
