import { parseSdistFilename, parseWheelFilename } from '../domain/filename.ts';
import { isValidName, normalizeName } from '../domain/names.ts';
import type { UpstreamFileView, UpstreamProject } from '../ports.ts';
import { fileUrl, type PageFile } from './index-render.ts';

/**
 * Reads a project page of another index, JSON or HTML. Files without a SHA-256 are left out: nobody could check them.
 * @throws SyntaxError where a JSON page is none
 * @source PEP 691 and 503
 */
export function parseUpstreamPage(page: { text: string; contentType: string; url: string; project: string }): UpstreamProject {
  const files = page.contentType.includes('json') ? jsonFiles(page) : { files: htmlFiles(page), versions: [] };
  const known = files.files.filter((file) => /^[0-9a-f]{64}$/.test(file.sha256));
  const versions = known.flatMap((file) => versionOf(file.filename, page.project) ?? []);
  return { name: page.project, versions: [...new Set([...files.versions, ...versions])], files: known };
}

interface JsonFile {
  filename: string; url: string; hashes?: Record<string, string>; size?: number | null; 'upload-time'?: string | null;
  'requires-python'?: string | null; yanked?: boolean | string; 'core-metadata'?: boolean | Record<string, string>;
  'dist-info-metadata'?: boolean | Record<string, string>; provenance?: string | null;
}

function jsonFiles({ text, url }: { text: string; url: string }): { files: UpstreamFileView[]; versions: string[] } {
  const page = JSON.parse(text) as { files?: JsonFile[]; versions?: string[] };
  const files = (page.files ?? []).map((file) => {
    const metadata = file['core-metadata'] ?? file['dist-info-metadata'];
    return {
      filename: file.filename,
      url: new URL(file.url, url).href,
      sha256: file.hashes?.['sha256'] ?? '',
      bytes: file.size ?? null,
      uploadTime: file['upload-time'] ?? null,
      requiresPython: file['requires-python'] ?? null,
      yanked: file.yanked ?? false,
      metadataSha256: typeof metadata === 'object' ? metadata['sha256'] ?? null : null,
      ...(typeof file.provenance === 'string' && URL.canParse(file.provenance, url) ? { provenanceUrl: new URL(file.provenance, url).href } : {}),
    };
  });
  return { files, versions: page.versions ?? [] };
}

function htmlFiles({ text, url }: { text: string; url: string }): UpstreamFileView[] {
  const files: UpstreamFileView[] = [];
  let base = url;
  for (const tag of openTags(text)) {
    const href = tag.attributes.get('href');
    if (href === undefined) continue;
    if (tag.name === 'base') base = new URL(href, url).href;
    if (tag.name !== 'a') continue;
    const target = URL.parse(href, base);
    if (target === null) continue;
    const sha256 = /(?:^#|&)sha256=([0-9a-f]{64})/.exec(target.hash)?.[1] ?? '';
    target.hash = '';
    const metadata = tag.attributes.get('data-core-metadata') ?? tag.attributes.get('data-dist-info-metadata') ?? '';
    const yanked = tag.attributes.get('data-yanked');
    const provenance = URL.parse(tag.attributes.get('data-provenance') ?? '', base)?.href;
    files.push({
      filename: decodeURIComponent(target.pathname.slice(target.pathname.lastIndexOf('/') + 1)),
      url: target.href,
      sha256,
      bytes: null,
      uploadTime: tag.attributes.get('data-upload-time') ?? null,
      requiresPython: tag.attributes.get('data-requires-python') ?? null,
      yanked: yanked === undefined ? false : yanked || true,
      metadataSha256: /^sha256=([0-9a-f]{64})$/.exec(metadata)?.[1] ?? null,
      ...(tag.attributes.has('data-provenance') && provenance !== undefined ? { provenanceUrl: provenance } : {}),
    });
  }
  return files;
}

interface OpenTag { readonly name: string; readonly attributes: ReadonlyMap<string, string> }

const attribute = /([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

/** The `<a>` and `<base>` tags of a page, in order; comments are passed over. Linear in the text. */
function* openTags(html: string): Generator<OpenTag> {
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at + 1)) {
    if (html.startsWith('<!--', at)) {
      const end = html.indexOf('-->', at + 4);
      if (end < 0) return;
      at = end;
      continue;
    }
    const name = /^(a|base)(?=[\s/>])/i.exec(html.slice(at + 1, at + 6))?.[1]?.toLowerCase();
    if (name === undefined) continue;
    const end = tagEnd(html, at);
    if (end < 0) return;
    const attributes = new Map<string, string>();
    for (const [, key = '', double, single, bare] of html.slice(at + 1 + name.length, end).matchAll(attribute)) {
      const value = double ?? single ?? bare ?? '';
      if (!attributes.has(key.toLowerCase())) attributes.set(key.toLowerCase(), unescapeHtml(value));
    }
    yield { name, attributes };
    at = end;
  }
}

/** Where the tag's `>` is: one inside quotes does not count. */
function tagEnd(html: string, start: number): number {
  let quote = '';
  for (let at = start; at < html.length; at += 1) {
    const character = html[at] as string;
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at;
  }
  return -1;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,5}));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return entities[name.toLowerCase()] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The version that a filename is of; older sdists end in other suffixes than those that are made today. */
function versionOf(filename: string, project: string): string | null {
  const wheel = parseWheelFilename(filename);
  if (wheel.ok) return wheel.value.version;
  const sdist = parseSdistFilename(filename.replace(/\.(tar\.bz2|tar\.xz|tar\.z|tgz|tar)$/i, '.tar.gz'));
  return sdist.ok && sdist.value.name === normalizeName(project) ? sdist.value.version : null;
}

/**
 * The files of an upstream page as the farm lists them: the same claims, with links that lead to the farm. Files that
 * no installer reads today (eggs, installers) are left out, since their version cannot be told.
 */
export function proxiedFiles(project: UpstreamProject): PageFile[] {
  return project.files.flatMap((file) => {
    const version = isValidName(project.name) ? versionOf(file.filename, project.name) : null;
    return version === null ? [] : [{
      filename: file.filename,
      url: fileUrl(file.sha256, file.filename),
      sha256: file.sha256,
      size: file.bytes,
      requiresPython: file.requiresPython,
      metadataSha256: file.metadataSha256,
      uploadTime: file.uploadTime,
      yanked: file.yanked,
      provenanceUrl: null,
      version,
    }];
  });
}
