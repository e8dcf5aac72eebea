import type { HistoryEntry } from '../contract/history.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { printable } from './printable.ts';

export const command: Command = {
  usage: 'history NAME[==VERSION] [--files]',
  help: [
    'Shows what happened to a release: builds, imports, edits and yanks, with who and why. Every file that was ever',
    'published is still served.', '',
    '  --files  the files of each, with their digests',
    '  --json   one object a line',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, { files: { type: 'boolean' }, json: { type: 'boolean' } });
    const [what, ...more] = positionals;
    if (!what || more.length > 0) throw wrongUse('say of which release');
    const entries = await clientOf(context.places).get<HistoryEntry[]>(`/history?what=${encodeURIComponent(what)}`);
    for (const entry of entries) {
      context.out.write(values.json ? `${JSON.stringify(entry)}\n` : `${linesOf(entry, values.files ?? false).map(printable).join('\n')}\n`);
    }
    return 0;
  },
};

function linesOf(entry: HistoryEntry, files: boolean): string[] {
  const { at, version, kind, state, by, why, id } = entry;
  const count = entry.files.length === 0 ? '' : `, ${entry.files.length} file${entry.files.length === 1 ? '' : 's'}`;
  return [
    `${at.slice(0, 19).replace('T', ' ')}  ${version}  ${kind}${state === 'published' || state === 'succeeded' ? '' : ` (${state})`}${count}`
      + `${by === null ? '' : ` by ${by}`}${why === null ? '' : `: ${why}`}  ${id}`,
    ...entry.changes.map((line) => `    ${line}`),
    ...(files ? entry.files.map(({ filename, sha256 }) => `    ${sha256}  ${filename}`) : []),
  ];
}
