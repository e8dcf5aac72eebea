import type { FastifyInstance, FastifyReply } from 'fastify';
import type { BuildView, CellView } from '../../contract/api.ts';
import { fail } from '../../domain/failure.ts';
import { isValidName, normalizeName } from '../../domain/names.ts';
import { compareTargets } from '../../domain/coverage.ts';
import { escapeHtml } from '../../domain/simple-index.ts';
import { compareVersions, parseVersion } from '../../domain/version.ts';
import type { IndexPages } from '../../index-ports.ts';
import type { Builds } from '../../ports.ts';

const buildsShownMax = 20;
const buildsReadMax = 200;

/** Two pages for people, made on the server: all projects with the newest builds, and the coverage of one project. */
export function dashboardRoutes(app: FastifyInstance, parts: { pages: IndexPages; builds: Pick<Builds, 'newest'> }): void {
  app.get('/', async (_, reply) => {
    const builds = await parts.builds.newest(buildsReadMax);
    return sendHtml(reply, 'Wheel farm', frontPage(parts.pages.names(), builds));
  });
  app.get<{ Params: { name: string } }>('/projects/:name', async (request, reply) => {
    const name = isValidName(request.params.name) ? normalizeName(request.params.name) : '';
    const builds = (await parts.builds.newest(buildsReadMax)).filter((build) => build.project === name);
    if (builds.length === 0 && !parts.pages.names().includes(name)) {
      return fail('FARM_NOT_FOUND', 'publish', { thing: `project ${request.params.name}` });
    }
    return sendHtml(reply, name, projectPage(name, builds));
  });
}

function sendHtml(reply: FastifyReply, title: string, body: string): FastifyReply {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return reply.header('content-type', 'text/html; charset=utf-8').header('cache-control', 'no-cache')
    .header('content-security-policy', policy).header('x-content-type-options', 'nosniff')
    .send(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${css}</style></head>
<body><main>${body}</main></body></html>
`);
}

function frontPage(names: readonly string[], builds: readonly BuildView[]): string {
  const newest = newestOf(builds, (build) => build.project);
  const projects = [...new Set([...names, ...newest.keys()])].sort().map((name) => {
    const build = newest.get(name);
    return `<tr><th scope="row">${projectLink(name)}</th><td>${build ? escapeHtml(build.version) : '–'}</td>`
      + `<td>${build ? coverageWords(build) : 'no build among the newest'}</td></tr>`;
  });
  const shown = builds.slice(0, buildsShownMax).map((build) =>
    `<tr><th scope="row">${projectLink(build.project)} ${escapeHtml(build.version)}</th><td>${badge(build.state)}</td>`
    + `<td>${coverageWords(build)}</td><td><time datetime="${escapeHtml(build.startedAt)}">${dayTime(build.startedAt)}</time></td></tr>`);
  return `<h1>Wheel farm</h1>
<p>The index for installers is at <a href="simple/">/simple/</a>.</p>
<h2>Projects</h2>${table(['Project', 'Version', 'Targets'], projects, 'No project yet.')}
<h2>Newest builds</h2>${table(['Release', 'State', 'Targets', 'Started (UTC)'], shown, 'No build yet.')}`;
}

function projectPage(name: string, builds: readonly BuildView[]): string {
  const releases = [...newestOf(builds, (build) => build.version).values()].sort(newestFirst);
  const targets = [...new Set(releases.flatMap((build) => build.cells.map((cell) => cell.target)))].sort(compareTargets);
  const rows = targets.map((target) => `<tr><th scope="row"><code>${escapeHtml(target)}</code></th>${releases.map((build) => {
    const cell = build.cells.find((one) => one.target === target);
    return `<td>${cell ? cellWords(cell) : '<span class="quiet">not planned</span>'}</td>`;
  }).join('')}</tr>`);
  return `<p><a href="../">All projects</a></p><h1>${escapeHtml(name)}</h1>
<p><a href="../simple/${encodeURIComponent(name)}/">Files for installers</a></p>
<h2>Coverage</h2>${table(['Target', ...releases.map((build) => build.version)], rows, 'No build among the newest.')}
${releases.map(causes).join('')}`;
}

/** The first build for each key, in a list that is newest first. */
function newestOf(builds: readonly BuildView[], key: (build: BuildView) => string): Map<string, BuildView> {
  const newest = new Map<string, BuildView>();
  for (const build of builds) if (!newest.has(key(build))) newest.set(key(build), build);
  return newest;
}

function newestFirst(left: BuildView, right: BuildView): number {
  const [a, b] = [parseVersion(left.version), parseVersion(right.version)];
  return a.ok && b.ok ? compareVersions(b.value, a.value) : 0;
}

const serves = (cell: CellView): boolean => ['succeeded', 'covered', 'upstream'].includes(cell.state);

function coverageWords(build: BuildView): string {
  const gaps = build.cells.length - build.cells.filter(serves).length;
  return `${build.cells.length - gaps} of ${build.cells.length}${gaps > 0 && build.endedAt ? `, ${gaps} missing` : ''}`;
}

function cellWords(cell: CellView): string {
  const words = [badge(cell.state)];
  if (cell.state === 'running' && cell.step !== null) words.push(escapeHtml(cell.step));
  if (cell.coveredBy !== null) words.push(`by <code>${escapeHtml(cell.coveredBy)}</code>`);
  if (cell.tested !== null) words.push(`test: ${escapeHtml(cell.tested)}`);
  if (cell.failure) words.push(`at ${escapeHtml(cell.failure.step)}`);
  return words.join('<br>');
}

function causes(build: BuildView): string {
  const items = build.cells.flatMap((cell) => [cell.failure, cell.testFailure].flatMap((failure) => (failure ? [
    `<li><code>${escapeHtml(cell.target)}</code>: ${escapeHtml(failure.message)} <strong>${escapeHtml(failure.blame)}</strong> must act: `
    + `${escapeHtml(failure.next)} ${failure.evidence ? `<pre>${escapeHtml(failure.evidence.text)}</pre>` : ''}</li>`,
  ] : [])));
  const notes = [...new Set(build.cells.flatMap((cell) => cell.notes))].map((note) => `<li>${escapeHtml(note)}</li>`);
  if (items.length + notes.length === 0) return '';
  return `<h2>${escapeHtml(build.version)}: causes and notes</h2><ul>${items.join('')}${notes.join('')}</ul>`;
}

const badge = (state: string): string => `<span class="state ${escapeHtml(state)}">${escapeHtml(state)}</span>`;
const projectLink = (name: string): string => `<a href="/projects/${encodeURIComponent(name)}">${escapeHtml(name)}</a>`;
const dayTime = (iso: string): string => escapeHtml(iso.slice(0, 16).replace('T', ' '));

function table(heads: readonly string[], rows: readonly string[], empty: string): string {
  if (rows.length === 0) return `<p>${empty}</p>`;
  return `<div class="wide" tabindex="0" role="region" aria-label="${escapeHtml(heads[0] ?? '')}s"><table><thead><tr>${
    heads.map((head) => `<th scope="col">${escapeHtml(head)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

const css = `
:root{color-scheme:light dark;--line:#8886;--good:#1a7f37;--bad:#b3261e;--quiet:#666}
@media (prefers-color-scheme:dark){:root{--good:#5bd174;--bad:#ff8a80;--quiet:#aaa}}
body{margin:0;font:16px/1.5 system-ui,sans-serif}main{max-width:70rem;margin:auto;padding:1rem}
.wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.3rem .7rem;border-bottom:1px solid var(--line)}
th{font-weight:600}.state{font-weight:600}.succeeded,.covered,.upstream{color:var(--good)}.failed,.blocked{color:var(--bad)}
.unsupported,.cancelled,.queued,.quiet{color:var(--quiet)}pre{overflow-x:auto;border-left:3px solid var(--line);padding-left:.7rem}
code{overflow-wrap:anywhere}`;
