import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { verifyBundle } from '../adapters/sigstore/verify.ts';
import { FarmError, failure } from '../domain/failure.ts';
import { farmNames } from '../domain/statement.ts';
import type { StatusView } from '../contract/api.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { printable } from './printable.ts';
import { filePath } from './result.ts';
import { judgeAgainst } from './verify-against.ts';

export const command: Command = {
  usage: 'verify FILE… [--against ORIGINAL]',
  help: [
    'Checks that this farm signed these wheels and sdists: signature, certificate, log entry and digest.',
    'Bundles come from the farm, or from FILE.sigstore.json beside the file. Stock clients check the same bundles.', '',
    '  --against ORIGINAL  proves that FILE is ORIGINAL with edited metadata: what was changed, and that nothing else was',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, { against: { type: 'string' } });
    if (positionals.length === 0) throw wrongUse('say which files to verify');
    if (values.against !== undefined && positionals.length > 1) throw wrongUse('--against compares one file');
    const client = clientOf(context.places);
    const { farmId } = await client.get<StatusView>('/status');
    const { identity, issuer } = farmNames(farmId);
    const config = await (await fetch(`${client.url}/.well-known/wheelfarm/trust_config.json`)).json() as { trustedRoot: unknown };
    const { trustedRoot } = config;
    let refused = 0;
    for (const file of positionals) {
      const sha256 = await digestOf(file);
      const bundle = await bundleOf(client.url, file, sha256);
      const verdict = verifyBundle({ bundle, trustedRoot, sha256, filename: basename(file), identity, issuer });
      if (!verdict.ok) refused += 1;
      context.out.write(verdict.ok ? `ok      ${basename(file)} sha256 ${sha256}\n` : `REFUSED ${basename(file)}: ${verdict.code}, ${verdict.why}\n`);
      if (!verdict.ok || values.against === undefined) continue;
      const judged = await judgeAgainst({
        file: { path: file, filename: basename(file), sha256 }, statement: verdict.statement, farmId,
        original: { path: values.against, filename: basename(values.against), sha256: await digestOf(values.against) },
      });
      if (!judged.ok) refused += 1;
      context.out.write(judged.ok ? `${judged.value.join('\n')}\n` : `REFUSED ${basename(file)}: FARM_VERIFY_EDIT, ${printable(judged.error)}\n`);
    }
    return refused === 0 ? 0 : 1;
  },
};

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer);
  } catch {
    throw new FarmError(failure('FARM_NOT_FOUND', 'plan', { thing: `file ${file}` }));
  }
  return hash.digest('hex');
}

async function bundleOf(url: string, file: string, sha256: string): Promise<unknown> {
  const beside = await readFile(`${file}.sigstore.json`, 'utf8').catch(() => null);
  if (beside !== null) return JSON.parse(beside) as unknown;
  const answer = await fetch(`${url}${filePath(sha256, basename(file))}.sigstore.json`);
  if (!answer.ok) throw new FarmError(failure('FARM_NOT_FOUND', 'plan', { thing: `bundle for ${basename(file)} with digest ${sha256}` }));
  return answer.json();
}
