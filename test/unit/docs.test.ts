import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cards } from '../../orchestrator/domain/failure-cards.ts';
import { commandNames } from '../../orchestrator/cli/command.ts';

const root = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md', 'images/**/*.md', 'infra/decisions/*.md'], { cwd: root });
const scripts = Object.keys((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts);

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '');

describe.each(pages)('%s', (page) => {
  const text = textOf(page);

  it('names paths that exist', () => {
    const named = matches(text, /(?:`|\]\()((?:orchestrator|workers|images|prisma|test|infra|docs|dashboard)\/[\w./-]+)(?:`|\))/g);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names commands that exist', () => {
    const named = matches(text, /\.\/farm ([a-z]+)\b/g);
    expect(named.filter((command) => !commandNames.some(([name]) => name === command))).toEqual([]);
    const npm = matches(text, /npm run ([a-z:]+)/g);
    expect(npm.filter((script) => !scripts.includes(script))).toEqual([]);
  });

  it('names error codes that exist', () => {
    const settings = /^FARM_(URL|HOME|BLOBS|UPSTREAM|POOLS|WORKER_[A-Z]+|CACHE|ID|PORT|API_TOKEN|CONCURRENCY|BACKEND|LOG_LEVEL)$/;
    const named = matches(text, /\b(FARM_[A-Z_]+)\b/g).filter((code) => !settings.test(code) && !code.endsWith('_'));
    expect(named.filter((code) => !(code in cards))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  it('lists exactly the cards', () => {
    const listed = matches(textOf('docs/errors.md'), /^\| `(FARM_[A-Z_]+)` \|/gm);
    expect(listed.toSorted()).toEqual(Object.keys(cards).toSorted());
  });
});
