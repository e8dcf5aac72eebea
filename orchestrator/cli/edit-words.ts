import type { EditBatchPreview, EditCheck, EditPreview, EditView } from '../contract/edits.ts';
import { printDiff, type FieldDiff } from '../domain/edit.ts';
import { printable } from './printable.ts';
import { filePath } from './result.ts';
import { duration, size } from './table.ts';

/** What an edit would do: the difference, who sees it, the files. METADATA is text of strangers. */
export function previewLines(preview: EditPreview): string[] {
  const { project, version, files } = preview;
  return [
    `${project} ${version}: ${files.length} wheel${files.length === 1 ? '' : 's'} ${asWhat(preview)}`, '',
    ...preview.groups.flatMap(groupLines),
    ...preview.remarks.map((remark) => `Note: ${remark}`), '',
    'Who will see it:', ...reachLines(preview), '',
    'Files:', ...fileLines(files),
    ...(preview.sdist?.filename ? [`  ${preview.sdist.filename}  patched from ${preview.sdist.original}`] : []), '',
    ...addedLines(preview, ['']),
  ].map(printable);
}

/** A release of fifty wheels must not push the difference off the screen. */
const filesShown = 8;

function fileLines(files: EditPreview['files']): string[] {
  const sum = (of: (file: EditPreview['files'][number]) => number): string => size(files.reduce((so, file) => so + of(file), 0));
  const lines = files.slice(0, filesShown).map(({ filename, bytes, storedBytes }) =>
    `  ${filename}  ${size(bytes)}, of which ${size(storedBytes)} are new`);
  if (files.length <= filesShown) return lines;
  return [...lines, `  and ${files.length - filesShown} more; all ${files.length}: ${sum(({ bytes }) => bytes)}, of which ${sum((one) => one.storedBytes)} are new`];
}

/** Who has to say yes to an added dependency. */
const addedLines = ({ secondApproval, approvers }: Pick<EditPreview, 'secondApproval' | 'approvers'>, more: string[] = []): string[] =>
  (!secondApproval ? [] : [
    approvers.length > 0 ? `It adds a dependency: it waits until another maintainer approves it (${approvers.join(', ')}).`
      : 'It adds a dependency: that needs an approval of its own. The project has no other maintainer here, so the same person approves it, and the attestation says so.',
    ...more,
  ]);

const asWhat = ({ toVersion, buildTag }: Pick<EditPreview, 'toVersion' | 'buildTag'>): string =>
  (toVersion === null ? `with build tag ${buildTag}` : `as ${toVersion}`);

/** What an edit would do to each release of a selector. Who sees it is shown for the newest. */
export function batchLines({ selector, releases, unchanged, refused }: EditBatchPreview): string[] {
  const newest = releases.at(-1);
  return [
    `${selector}: ${releases.length} release${releases.length === 1 ? '' : 's'} to edit`, '',
    ...releases.flatMap(({ groups, remarks, secondApproval, approvers, ...release }) => [
      `${release.project} ${release.version}: ${release.files.length} wheel${release.files.length === 1 ? '' : 's'} ${asWhat(release)}`,
      ...groups.flatMap(groupLines), ...remarks.map((remark) => `Note: ${remark}`),
      ...addedLines({ secondApproval, approvers }),
    ]),
    ...(unchanged.length === 0 ? [] : [`Says it already: ${unchanged.join(', ')}`]),
    ...refused.map(({ what, failure }) => `Cannot be edited so: ${what}: ${failure.message}`),
    ...(newest === undefined ? [] : ['', `Who will see it, for ${newest.version}:`, ...reachLines(newest)]), '',
  ].map(printable);
}

function groupLines({ filenames, changes }: EditPreview['groups'][number], _place: number, all: readonly unknown[]): string[] {
  const diff = printDiff(changes as readonly FieldDiff[]).trimEnd();
  const risks = [...new Set(changes.map(({ risk }) => risk))].join(', ');
  return [
    ...(all.length > 1 ? [`In ${filenames.join(', ')}:`] : []),
    ...(diff === '' ? ['  (says it already)'] : diff.split('\n').map((line) => `  ${line}`)),
    ...(risks === '' ? [] : [`  kind: ${risks}`]), '',
  ];
}

function reachLines({ reach }: EditPreview): string[] {
  const width = Math.max(...reach.map(({ form }) => form.length));
  return reach.map(({ form, sees, why }) => `  ${sees ? 'yes' : 'no '}  ${form.padEnd(width)}  ${why}`);
}

/** The last page of an edit: how long, how big, lines to paste. */
export function editedLines(edit: EditView): string[] {
  const { project, version, files, index, state } = edit;
  if (state === 'awaiting-approval') {
    return [`Edit ${edit.id} of ${project} ${version} waits for another maintainer${edit.approvers.length > 0 ? `: ${edit.approvers.join(', ')}` : ''}.`,
      `  On its page, or at the farm's machine: ./farm edit --approve ${edit.id}`].map(printable);
  }
  if (state !== 'published') return [`Edit ${edit.id} of ${project} ${version} was ${state}; the release is as it was.`];
  const took = duration(Date.parse(edit.endedAt ?? edit.startedAt) - Date.parse(edit.startedAt));
  const stored = files.reduce((sum, file) => sum + file.storedBytes, 0);
  const file = files.find(({ filename }) => /linux.*x86_64/.test(filename)) ?? files[0];
  return [
    `${project} ${version} was edited: ${files.length} new file${files.length === 1 ? '' : 's'} in ${took}, ${size(stored)} stored. Edit ${edit.id}`,
    'Install it:',
    `  python3 -m venv venv && venv/bin/pip install --index-url ${index} ${project}==${edit.toVersion ?? version}`,
    ...(file ? verifyLines(file, index.replace(/\/simple\/$/, '')) : []),
  ];
}

/** What stock resolvers and installers say of the release with the edit. */
export function resolutionLines({ resolution, sdistBuilt }: EditCheck): string[] {
  const of = (state: string) => resolution.filter((one) => one.state === state);
  const undone = of('not done');
  return [
    `Checked by stock clients: ${of('resolved').length} of ${resolution.length} resolutions and installations hold.`,
    ...buildLines(sdistBuilt),
    ...of('conflict').map(({ target, says }) => `  conflict: ${target}: ${says}`),
    ...undone.slice(0, 3).map(({ target, says }) => `  not done: ${target}: ${says}`),
    ...(undone.length > 3 ? [`  and ${undone.length - 3} more that were not done`] : []),
  ].map(printable);
}

/** What the one build of a patched sdist says. */
function buildLines(build: EditCheck['sdistBuilt']): string[] {
  if (build === null) return [];
  if (build.state === 'equal') return [`The patched sdist was built once, for ${build.target ?? ''}: its METADATA is that of the wheels.`];
  if (build.state === 'different') {
    return [`  conflict: the patched sdist was built for ${build.target ?? ''}, and its METADATA differs in ${build.fields.join(', ')}: ${build.why}`];
  }
  return [`  not done: no build shows that the patched sdist carries the edit: ${build.why}`];
}

function verifyLines(file: EditView['files'][number], base: string): string[] {
  return [
    'See that nothing else was changed:',
    `  curl -fsSO ${base}${filePath(file.sha256, file.filename)} -O ${base}${filePath(file.originalSha256, file.original)}`,
    `  ./farm verify ${file.filename} --against ${file.original}`,
  ];
}
