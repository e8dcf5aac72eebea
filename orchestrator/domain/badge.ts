import { escapeHtml } from './simple-index.ts';

/** Width of text in the badge's font, about right for Latin letters. @unit pixels */
const widthOf = (text: string): number => [...text].reduce((sum, letter) => sum + (/[iljt.,:|!' ]/.test(letter) ? 4 : /[mwMW%]/.test(letter) ? 10 : 7), 0);

/** A badge that says how many targets have a wheel. Words say it all; colour only helps. Pure. */
export function badgeSvg(counts: { readonly served: number; readonly wanted: number; readonly failed: number } | null): string {
  const right = counts === null ? 'unknown' : `${counts.served} of ${counts.wanted} targets`;
  const colour = counts === null || counts.wanted === 0 ? '#5c6570' : counts.served === counts.wanted ? '#0f6b36' : counts.served === 0 ? '#9c1f16' : '#7a4a00';
  const [left, a, b] = ['wheels', widthOf('wheels') + 12, widthOf(right) + 12];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${a + b}" height="20" role="img" aria-label="${escapeHtml(`${left}: ${right}`)}">`
    + `<title>${escapeHtml(`${left}: ${right}`)}</title><clipPath id="r"><rect width="${a + b}" height="20" rx="4"/></clipPath>`
    + `<g clip-path="url(#r)"><rect width="${a}" height="20" fill="#3b4340"/><rect x="${a}" width="${b}" height="20" fill="${colour}"/></g>`
    + `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="6" y="14" textLength="${a - 12}">${left}</text>`
    + `<text x="${a + 6}" y="14" textLength="${b - 12}">${escapeHtml(right)}</text></g></svg>`;
}

export interface FeedItem {
  readonly title: string;
  readonly link: string;
  readonly guid: string;
  /** ISO 8601 */
  readonly at: string;
  readonly text: string;
}

// Characters that XML 1.0 has no place for.
// oxlint-disable-next-line no-control-regex
const noXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const xml = (text: string): string => escapeHtml(text.replace(noXml, ''));

/** RSS 2.0. Pure. @shape `date` prints a moment as RFC 822 */
export function rssText(channel: { readonly title: string; readonly link: string }, items: readonly FeedItem[], date: (iso: string) => string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>${xml(channel.title)}</title><link>${xml(channel.link)}</link><description>${xml(channel.title)}</description>
${items.map((item) => `<item><title>${xml(item.title)}</title><link>${xml(item.link)}</link><guid isPermaLink="false">${xml(item.guid)}</guid>`
    + `<pubDate>${date(item.at)}</pubDate><description>${xml(item.text)}</description></item>`).join('\n')}
</channel></rss>
`;
}
