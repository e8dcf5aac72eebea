import { readdirSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FarmError, failure } from '../domain/failure.ts';
import type { BuildView } from '../contract/api.ts';
import { clientOf } from './api-client.ts';
import { readArguments } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { printedSince, sizeOf } from './group/probe.ts';
import { logFile } from './group/supervisor.ts';
import { printable, printablePieces } from './printable.ts';

const followEveryMs = 200;
/** Without -f, this much of the end is shown. @unit bytes */
const tailBytes = 16_384;

export const command: Command = {
  usage: 'logs [PART | TARGET] [-f] [--build ID]',
  help: [
    'Shows what parts of the farm printed, or the log of a cell.', '',
    '  PART          supervisor, postgres, temporal, migrate, api, control or worker; all when absent',
    '  TARGET        a cell of the newest build, for example cp311-manylinux_x86_64; patterns with * work',
    '  -f, --follow  go on showing what is printed',
    '  --build ID    another build than the newest',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, {
      follow: { type: 'boolean', short: 'f' }, build: { type: 'string' },
    });
    const [name] = positionals;
    const parts = partsWithLogs(context.places.home);
    if (name && !parts.includes(name)) return cellLog(context, name, { follow: values.follow ?? false, build: values.build });
    const shown = name ? [name] : parts;
    const reader = logReader(context, shown);
    reader();
    while (values.follow) {
      await sleep(followEveryMs);
      reader();
    }
    return 0;
  },
};

function partsWithLogs(home: string): string[] {
  try {
    return readdirSync(join(home, 'logs')).filter((file) => file.endsWith('.log')).map((file) => file.slice(0, -4)).sort();
  } catch {
    return [];
  }
}

/** Writes what is new in the logs each time it is called; lines carry the part's name where there are several. */
function logReader({ places, out }: Context, parts: readonly string[]): () => void {
  const offsets = new Map(parts.map((part) => [part, Math.max(0, sizeOf(logFile(places.home, part)) - tailBytes)]));
  return () => {
    for (const part of parts) {
      const file = logFile(places.home, part);
      const from = offsets.get(part) ?? 0;
      const start = sizeOf(file) < from ? 0 : from;
      const text = printedSince(file, start);
      const lines = text.slice(0, text.lastIndexOf('\n') + 1);
      offsets.set(part, start + Buffer.byteLength(lines));
      if (lines === '') continue;
      const whole = printable(lines);
      out.write(parts.length === 1 ? whole : whole.replace(/^/gm, `${part.padEnd(10)} `).replace(/\S+ +$/, ''));
    }
  };
}

async function cellLog(context: Context, target: string, ask: { follow: boolean; build: string | undefined }): Promise<number> {
  const client = clientOf(context.places);
  const build = ask.build
    ? await client.get<BuildView>(`/builds/${encodeURIComponent(ask.build)}`)
    : (await client.get<BuildView[]>('/builds?limit=1'))[0];
  const cell = build?.cells.find((one) => one.attemptId && (one.target === target || matchesGlob(one.target, target)));
  if (!cell?.attemptId) {
    throw new FarmError(failure('FARM_NOT_FOUND', 'plan', { thing: `part, and no cell with an attempt in the newest build, named ${target}` }));
  }
  const follow = ask.follow ? '&follow=1' : '';
  const pieces = printablePieces();
  for await (const text of client.stream(`/attempts/${encodeURIComponent(cell.attemptId)}/log?offset=0${follow}`)) {
    context.out.write(pieces.next(text));
  }
  context.out.write(pieces.end());
  return 0;
}
