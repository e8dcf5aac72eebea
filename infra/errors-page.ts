/** Writes docs/errors.md from the failure cards. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cards } from '../orchestrator/domain/failure-cards.ts';
import type { Card } from '../orchestrator/domain/failure.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('{', '‹').replaceAll('}', '›');

/** The page as text: one line for each code, in the order of the cards. */
export function errorsPage(): string {
  const lines = Object.entries<Card>(cards).map(([code, card]) =>
    `| \`${code}\` | ${card.blame} | ${card.retry} | ${cell(card.says)} | ${cell(card.next)} |`);
  return [
    '# Error codes', '',
    'Every failure that a person can see has a code, says who must act (`project`, `farm`, `world`), whether the farm',
    'tries again by itself, and what to do next. This page is made from `orchestrator/domain/failure-cards.ts` by',
    '`npm run gen`.', '',
    '| code | blame | retry | says | next step |', '| --- | --- | --- | --- | --- |', ...lines, '',
  ].join('\n');
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'docs');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'errors.md'), errorsPage());
}
