import { createHash } from 'node:crypto';
import { projectHtml, projectJson, rootHtml, rootJson, type IndexFile } from '../domain/simple-index.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { ServedPage } from '../index-ports.ts';

/** A file of a page with the version that it belongs to. */
export type PageFile = IndexFile & { readonly version: string };

/** The link of a file, relative to its project's page. @source STANDARDS 1.6: addressed by content, so immutable */
export const fileUrl = (sha256: string, filename: string): string =>
  `../../files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}/${encodeURIComponent(filename)}`;

/** A project's page as it goes out. `versions` adds versions without files. */
export function renderServed(
  page: { project: string; serial: number; files: readonly PageFile[]; versions?: readonly string[] },
): ServedPage {
  const versions = sortVersions([...(page.versions ?? []), ...page.files.map((file) => file.version)]);
  const value = {
    name: page.project, versions, files: page.files, status: { status: 'active', reason: null },
  } as const;
  return served(page, projectJson(value), projectHtml(value));
}

/** The list of projects as it goes out. */
export const renderList = (names: readonly string[], serial: number): ServedPage =>
  served({ project: '', serial }, rootJson(names), rootHtml(names));

function served(page: { project: string; serial: number }, jsonText: string, htmlText: string): ServedPage {
  const [json, html] = [Buffer.from(jsonText), Buffer.from(htmlText)];
  return { project: page.project, serial: page.serial, json, html, etagJson: etag(json), etagHtml: etag(html) };
}

const etag = (bytes: Buffer): string => `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`;

/** Oldest first; texts that are no versions come before all others. */
function sortVersions(texts: readonly string[]): string[] {
  const parsed = [...new Set(texts)].map((text) => ({ text, version: parseVersion(text) }));
  return parsed.sort((left, right) => {
    if (left.version.ok && right.version.ok) return compareVersions(left.version.value, right.version.value);
    return Number(left.version.ok) - Number(right.version.ok);
  }).map((one) => one.text);
}
