/** The corpus as a page: results/corpus.md. Pure. */
import { groupTargets } from '../../../orchestrator/domain/coverage.ts';
import {
  familyOf, goals, isEnded, isHad, percentOf, scoreOf, type CorpusCell, type CorpusProject, type CorpusResult, type Share,
} from './score.ts';

/**
 * The page of all results: totals, a table a Python, causes, what only the farm has.
 * @param listed projects.json: says what has no result yet
 */
export function corpusPage(results: readonly CorpusResult[], listed: readonly CorpusProject[]): string {
  const cells = results.flatMap((result) => result.cells);
  const pythons = [...new Set(cells.map(({ target }) => target.split('-')[0] ?? ''))]
    .toSorted((a, b) => count(cells, b) - count(cells, a));
  return [
    '# Real projects', '',
    'Written by `npm run corpus` from the files of this folder; do not edit. Versions stand in `projects.json`, what a project is given '
      + 'beside its own files in `recipes`.', '',
    ...totals(results, listed), '', ...pythons.flatMap((python) => matrix(results, python)),
    ...causes(results), ...onlyOurs(results),
  ].join('\n');
}

const count = (cells: readonly CorpusCell[], python: string): number =>
  cells.filter(({ target }) => target.startsWith(`${python}-`)).length;

function totals(results: readonly CorpusResult[], listed: readonly CorpusProject[]): string[] {
  const score = scoreOf(results);
  const line = (name: string, one: Share, goal: number): string => {
    const percent = percentOf(one);
    return `| ${name} | ${one.had} of ${one.of} | ${percent === null ? '' : `${percent} %`} | ${one.open} | at least ${goal} % | `
      + `${percent === null ? '' : percent >= goal ? 'yes' : '**no**'} |`;
  };
  const lacking = listed.filter(({ project }) => !results.some((result) => result.project === project && isEnded(result)));
  return [
    '| cells | with a wheel | | not built yet | goal | met |', '| --- | --- | --- | --- | --- | --- |',
    line('Linux, where the project publishes a wheel itself', score.published, goals.published),
    line('Linux', score.linux, goals.linux), line('Windows', score.windows, goals.windows), line('macOS', score.macos, goals.macos), '',
    `${results.length} projects, ${results.flatMap(({ cells }) => cells).length} cells: ${score.tested} wheels tested, `
      + `${score.audited} audited only (nothing here starts that platform’s Python).`,
    ...lacking.length > 0 ? [`Not built to the end yet: ${lacking.map(({ project }) => project).join(', ')}.`] : [],
  ];
}

/** A table of one Python: projects down, platforms across. */
function matrix(results: readonly CorpusResult[], python: string): string[] {
  const own = results.map((result) => ({ ...result, cells: result.cells.filter(({ target }) => target.startsWith(`${python}-`)) }))
    .filter(({ cells }) => cells.length > 0);
  const platforms = [...new Set(own.flatMap(({ cells }) => cells.map(({ target }) => target.slice(python.length + 1))))];
  const head = ['project', ...platforms.map((platform) => platform.replace('_', ' '))];
  return [
    `## ${python}`, '',
    'A time: built and tested in it. `audited`: built, checked, not tested. `=`: covered by another cell’s wheel. A star: the project '
      + 'publishes no wheel for it.', '',
    `| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`,
    ...own.map(({ project, version, cells }) => `| ${[
      `${project} ${version}`,
      ...platforms.map((platform) => wordOf(cells.find(({ target }) => target === `${python}-${platform}`))),
    ].join(' | ')} |`), '',
  ];
}

/** What stands in the table for a cell. */
export function wordOf(cell: CorpusCell | undefined): string {
  if (!cell) return '';
  if (!isHad(cell)) return cell.code ? `**${cell.code.replace('FARM_', '')}**` : cell.state;
  const time = cell.state === 'covered' ? '=' : `${cell.seconds ?? '?'} s`;
  const star = cell.upstream ? '' : ' \\*';
  return (cell.tested === 'passed' || cell.state === 'covered' ? time : `audited ${time}`) + star;
}

function causes(results: readonly CorpusResult[]): string[] {
  const lines = results.flatMap(({ project, cells }) => {
    const bySaying = new Map<string, CorpusCell[]>();
    for (const cell of cells.filter((one) => !isHad(one) && one.state !== 'unfinished')) {
      const saying = `${cell.code ?? cell.state} | ${cell.blame ?? ''} | ${escaped(cell.says ?? '')}`;
      bySaying.set(saying, [...bySaying.get(saying) ?? [], cell]);
    }
    return [...bySaying].map(([saying, some]) => `| ${project} | ${grouped(some.map(({ target }) => target))} | ${saying} |`);
  });
  if (lines.length === 0) return [];
  return ['## Cells without a wheel', '', '| project | targets | code | whose | cause |', '| --- | --- | --- | --- | --- |', ...lines, ''];
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function onlyOurs(results: readonly CorpusResult[]): string[] {
  const { onlyOurs: ours } = scoreOf(results);
  if (ours.length === 0) return [];
  const targets = ours.flatMap((one) => one.targets);
  const families = (['Linux', 'Windows', 'macOS'] as const)
    .map((family) => `${targets.filter((target) => familyOf(target) === family).length} ${family}`);
  return [
    '## Cells that only the farm has', '', `${targets.length}: ${families.join(', ')}.`, '',
    ...ours.map((one) => `- ${one.project}: ${grouped(one.targets)}`), '',
  ];
}

const grouped = (targets: readonly string[]): string =>
  groupTargets(targets).map(({ platform, pythons }) => `${platform} (${pythons.join(' ')})`).join(', ');
