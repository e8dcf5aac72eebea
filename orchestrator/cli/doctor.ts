import { checked, setupParts } from '../../infra/setup/ready.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: 'doctor [--json]',
  help: [
    'Lists every prerequisite: there, or missing and how to mend it. Installs nothing. Exit status 1 when one is missing.',
    '', '  --json  a list of {name, what, for, state, says, mend}',
  ],
  async act({ places, env, out }, argv) {
    const { values } = readArguments(argv, { json: { type: 'boolean' } });
    const rows = await Promise.all(setupParts(places, env).map(async (part) => ({
      name: part.name, what: part.what, for: part.purpose, ...(await checked(part)),
    })));
    const lines = rows.flatMap((row) => [
      `${row.state.padEnd(8)} ${row.name.padEnd(9)} ${row.what}: ${row.says}`,
      ...(row.state === 'missing' ? [`${''.padEnd(19)}mend: ${row.mend}`] : []),
    ]);
    out.write(`${values.json ? JSON.stringify(rows) : lines.join('\n')}\n`);
    return rows.every(({ state }) => state === 'ok') ? 0 : 1;
  },
};
