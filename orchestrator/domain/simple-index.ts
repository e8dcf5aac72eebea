/** Pages of the simple index, as JSON and as frozen HTML. @source simple repository API 1.4; PEP 503, 691, 700, 740, 792 */

/**
 * A published file. `url` is absolute or relative to the page; times are ISO 8601 in UTC with up to six decimals.
 * Size and time are null only for files of an upstream that does not say them: then the page does not say them either.
 */
export type IndexFile = {
  readonly filename: string;
  readonly url: string;
  readonly sha256: string;
  readonly size: number | null;
  readonly requiresPython: string | null;
  readonly metadataSha256: string | null;
  readonly uploadTime: string | null;
  readonly yanked: boolean | string;
  readonly provenanceUrl: string | null;
};

export type ProjectStatus = {
  readonly status: 'active' | 'archived' | 'quarantined' | 'deprecated';
  readonly reason: string | null;
};

/** A project page. `name` is normalised; every file's version stands in `versions`. */
export type ProjectPage = {
  readonly name: string;
  readonly versions: readonly string[];
  readonly files: readonly IndexFile[];
  readonly status: ProjectStatus;
};

export const apiVersion = '1.4';

export const jsonType = 'application/vnd.pypi.simple.v1+json';
export const htmlType = 'application/vnd.pypi.simple.v1+html';

/** What a page is answered with. `text/html` is the same page as `htmlType`. */
export type PageType = typeof jsonType | typeof htmlType | 'text/html';

/** JSON project page, one line. A quarantined project offers no files. */
export function projectJson(page: ProjectPage): string {
  const { status, reason } = page.status;
  return JSON.stringify({
    meta: { 'api-version': apiVersion },
    name: page.name,
    'project-status': reason === null ? { status } : { status, reason },
    versions: [...new Set(page.versions)],
    files: offered(page).map(fileJson),
  });
}

function offered(page: ProjectPage): readonly IndexFile[] {
  return page.status.status === 'quarantined' ? [] : page.files;
}

function fileJson(file: IndexFile): Record<string, unknown> {
  const metadata = file.metadataSha256 === null ? false : { sha256: file.metadataSha256 };
  return {
    filename: file.filename,
    url: file.url,
    hashes: { sha256: file.sha256 },
    'requires-python': file.requiresPython,
    'core-metadata': metadata,
    'data-dist-info-metadata': metadata,
    'dist-info-metadata': metadata,
    'gpg-sig': false,
    yanked: file.yanked === '' ? true : file.yanked,
    size: file.size ?? undefined,
    'upload-time': file.uploadTime ?? undefined,
    provenance: file.provenanceUrl,
  };
}

/** HTML project page, for old and foreign clients. */
export function projectHtml(page: ProjectPage): string {
  const { status, reason } = page.status;
  const metas = [`<meta name="pypi:project-status" content="${status}">`];
  if (reason !== null) metas.push(`<meta name="pypi:project-status-reason" content="${escapeHtml(reason)}">`);
  const links = offered(page).map((file) => `<a ${attributes(file)}>${escapeHtml(file.filename)}</a><br>`);
  return htmlPage(`Links for ${page.name}`, metas, [`<h1>Links for ${escapeHtml(page.name)}</h1>`, ...links]);
}

function attributes(file: IndexFile): string {
  const pairs: [string, string][] = [['href', `${file.url}#sha256=${file.sha256}`]];
  if (file.requiresPython !== null) pairs.push(['data-requires-python', file.requiresPython]);
  if (file.metadataSha256 !== null) {
    const digest = `sha256=${file.metadataSha256}`;
    pairs.push(['data-core-metadata', digest], ['data-dist-info-metadata', digest]);
  }
  if (file.yanked !== false) pairs.push(['data-yanked', file.yanked === true ? '' : file.yanked]);
  pairs.push(['data-gpg-sig', 'false']);
  if (file.provenanceUrl !== null) pairs.push(['data-provenance', file.provenanceUrl]);
  return pairs.map(([name, value]) => `${name}="${escapeHtml(value)}"`).join(' ');
}

function htmlPage(title: string, metas: readonly string[], body: readonly string[]): string {
  return [
    '<!DOCTYPE html>', '<html lang="en">', '<head>', '<meta charset="utf-8">',
    `<meta name="pypi:repository-version" content="${apiVersion}">`, ...metas,
    `<title>${escapeHtml(title)}</title>`, '</head>', '<body>', ...body, '</body>', '</html>', '',
  ].join('\n');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;',
};

/** Text that is safe between tags and between double quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** JSON list of projects. @shape names normalised; printed sorted */
export function rootJson(names: readonly string[]): string {
  return JSON.stringify({ meta: { 'api-version': apiVersion }, projects: names.toSorted().map((name) => ({ name })) });
}

/** HTML list of projects; links are relative to the page. */
export function rootHtml(names: readonly string[]): string {
  const links = names.toSorted().map((name) => `<a href="${encodeURIComponent(name)}/">${escapeHtml(name)}</a><br>`);
  return htmlPage('Simple index', [], links);
}

const served: Readonly<Record<string, PageType>> = {
  [jsonType]: jsonType, 'application/vnd.pypi.simple.latest+json': jsonType,
  [htmlType]: htmlType, 'application/vnd.pypi.simple.latest+html': htmlType, 'text/html': 'text/html',
};
/** Order for a client that takes anything: HTML. */
const preference: readonly PageType[] = ['text/html', htmlType, jsonType];
const acceptBytesMax = 2_000;

/**
 * Chooses the type of a page; null means 406. `format` (the query parameter) goes before `accept`.
 * No Accept, or one too long to read, admits anything; where types weigh the same, a named JSON goes first.
 */
export function negotiate(accept: string | undefined, format: string | undefined): PageType | null {
  if (format !== undefined && format !== '') return served[format.trim().toLowerCase()] ?? null;
  if (accept === undefined || accept.trim() === '' || accept.length > acceptBytesMax) return 'text/html';
  const weights = new Map<PageType, { weight: number; named: boolean }>();
  for (const range of accept.split(',').map(readRange)) {
    for (const [name, type] of Object.entries(served)) {
      const named = range.type === name;
      if (!named && range.type !== '*/*' && range.type !== `${name.split('/')[0]}/*`) continue;
      const known = weights.get(type);
      if (known === undefined || (named && !known.named) || (named === known.named && range.weight > known.weight)) {
        weights.set(type, { weight: range.weight, named });
      }
    }
  }
  return best(weights);
}

function readRange(range: string): { type: string; weight: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((one) => /^q\s*=/.test(one));
  const weight = quality === undefined ? 1 : Number(quality.replace(/^q\s*=\s*/, ''));
  return { type, weight: Number.isFinite(weight) ? Math.min(Math.max(weight, 0), 1) : 0 };
}

/** Highest weight; then what was named, JSON before HTML; then what a wildcard admits, HTML before JSON. */
function best(weights: ReadonlyMap<PageType, { weight: number; named: boolean }>): PageType | null {
  const candidates = [...weights].filter(([, { weight }]) => weight > 0);
  const rank = (type: PageType, named: boolean) => {
    const place = preference.indexOf(type);
    return named ? -place : preference.length + place;
  };
  candidates.sort(([leftType, left], [rightType, right]) =>
    right.weight - left.weight || rank(leftType, left.named) - rank(rightType, right.named));
  return candidates[0]?.[0] ?? null;
}
