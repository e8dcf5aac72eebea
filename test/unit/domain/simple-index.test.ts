import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  htmlType, jsonType, negotiate, projectHtml, projectJson, rootHtml, rootJson,
} from '../../../orchestrator/domain/simple-index.ts';
import type { IndexFile, ProjectPage } from '../../../orchestrator/domain/simple-index.ts';

const golden = (name: string) => fileURLToPath(new URL(`../../golden/${name}`, import.meta.url));

const wheel: IndexFile = {
  filename: 'holygrail-1.0-py3-none-any.whl', url: '../../files/ab/cd/ef/holygrail-1.0-py3-none-any.whl',
  sha256: 'ab'.repeat(32),
  size: 1337, requiresPython: '>=3.8,<4', metadataSha256: 'cd'.repeat(32), uploadTime: '2026-11-20T23:28:11.123456Z',
  yanked: false,
  provenanceUrl: 'https://farm.example/integrity/holygrail/1.0/holygrail-1.0-py3-none-any.whl/provenance',
};
const page: ProjectPage = {
  name: 'holygrail', versions: ['1.0', '1.1', '1.0'], status: { status: 'active', reason: null },
  files: [
    wheel,
    { ...wheel, filename: 'holygrail-1.1.tar.gz', url: 'https://files.example/holygrail-1.1.tar.gz', requiresPython: null,
      metadataSha256: null, provenanceUrl: null, yanked: 'broke "the" <bridge> & more' },
  ],
};

describe('the simple index', () => {
  it('prints the project page as JSON', async () => {
    const text = projectJson(page);
    expect(text).not.toContain('\n');
    await expect(`${JSON.stringify(JSON.parse(text), null, 2)}\n`).toMatchFileSnapshot(golden('simple-project.json'));
  });

  it('prints the project page as HTML', async () =>
    await expect(projectHtml(page)).toMatchFileSnapshot(golden('simple-project.html')));

  it('prints the list of projects', async () => {
    expect(JSON.parse(rootJson(['b', 'a']))).toEqual({
      meta: { 'api-version': '1.4' }, projects: [{ name: 'a' }, { name: 'b' }],
    });
    await expect(rootHtml(['b', 'a'])).toMatchFileSnapshot(golden('simple-root.html'));
  });

  it('offers nothing of a quarantined project and says why', () => {
    const closed: ProjectPage = { ...page, status: { status: 'quarantined', reason: 'a<b' } };
    expect(JSON.parse(projectJson(closed))).toMatchObject({
      files: [], 'project-status': { status: 'quarantined', reason: 'a<b' },
    });
    expect(projectHtml(closed)).toContain('<meta name="pypi:project-status-reason" content="a&lt;b">');
    expect(projectHtml(closed)).not.toContain('<a ');
  });

  it('marks a yank without a reason', () => {
    const yanked = { ...page, files: [{ ...wheel, yanked: '' }, { ...wheel, yanked: true }] };
    expect((JSON.parse(projectJson(yanked)) as { files: { yanked: unknown }[] }).files.map((file) => file.yanked)).toEqual([true, true]);
    expect(projectHtml(yanked).match(/data-yanked=""/g)).toHaveLength(2);
  });
});

describe('content negotiation', () => {
  it.each<[string | undefined, string | undefined, string | null]>([
    [undefined, undefined, 'text/html'], ['', undefined, 'text/html'], ['*/*', undefined, 'text/html'],
    [`${jsonType}, ${htmlType}; q=0.1, text/html; q=0.01`, undefined, jsonType],
    [`${jsonType}, ${htmlType};q=0.2, text/html;q=0.01`, undefined, jsonType],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', undefined, 'text/html'],
    ['application/vnd.pypi.simple.latest+json', undefined, jsonType],
    ['application/vnd.pypi.simple.v2+json', undefined, null],
    ['application/json', undefined, null], ['application/*', undefined, htmlType],
    [`${jsonType};q=0, */*`, undefined, 'text/html'],
    [`${jsonType};q=0`, undefined, null], [`text/html;q=0.5, ${jsonType};q=0.6`, undefined, jsonType],
    [`text/html, ${jsonType}`, undefined, jsonType], ['text/html', jsonType, jsonType], [undefined, 'text/plain', null],
    [jsonType, 'text/html', 'text/html'], [htmlType, undefined, htmlType],
    [`*/*, ${jsonType};q=0.1`, undefined, 'text/html'],
  ])('Accept %s and format %s: %s', (accept, format, expected) => expect(negotiate(accept, format)).toBe(expected));
});
