/** Who will see an edit. Version rules are computed; the rest was measured with stock clients. @source STANDARDS 5.3 to 5.8 */
import type { EditDelivery } from './edit-delivery.ts';
import { newestVersion, parseSpecifiers, parseVersion } from './version.ts';

/** One line of the table. `chosen` is the version an installer takes; null where it finds none or the line has none. */
export type ReachRow = {
  readonly form: string;
  readonly kind: 'requirement' | 'situation';
  readonly sees: boolean;
  readonly chosen: string | null;
  readonly why: string;
};

export type ReachQuestion = {
  readonly name: string;
  readonly version: string;
  readonly delivery: EditDelivery;
  /** Other versions on the index that are not yanked. */
  readonly otherVersions: readonly string[];
  /** Whether a patched sdist is published with it; only a post-release can have one. */
  readonly sdist: boolean;
  /** Age of the release on the public index; null where it is not there or not known. @unit days */
  readonly releaseAgeDays: number | null;
};

/** The public index takes no new file on a release older than this. @unit days @source STANDARDS 1.7 */
export const uploadDaysMax = 14;

/** The table for people and for JSON: first forms of requirements, then situations. */
export function reachOf(question: ReachQuestion): ReachRow[] {
  return [...requirementRows(question), ...situationRows(question)];
}

function requirementRows(question: ReachQuestion): ReachRow[] {
  const { name, version } = question;
  const parsed = parseVersion(version);
  const compatible = parsed.ok && parsed.value.release.length > 1 && parsed.value.local === null ? [`~=${version}`] : [];
  const forms = ['', `==${version}`, `===${version}`, `==${version}.*`, ...compatible, `>=${version}`, `<=${version}`, `>${version}`];
  const rows = forms.flatMap((bounds) => requirementRow(question, `${name}${bounds}`, bounds));
  return [...rows, ...requirementRow(question, `another package that needs ${name}==${version}`, `==${version}`)];
}

function requirementRow({ version, delivery, otherVersions }: ReachQuestion, form: string, bounds: string): ReachRow[] {
  const specifiers = parseSpecifiers(bounds);
  if (!specifiers.ok) return [];
  const edited = delivery.mode === 'post' ? delivery.version : version;
  const chosen = newestVersion([...new Set([...otherVersions, version, edited])], specifiers.value);
  const row = { form, kind: 'requirement', chosen, sees: chosen === edited } as const;
  if (chosen === null) return [{ ...row, why: 'no version satisfies it, before the edit as after it' }];
  if (chosen === edited) {
    const why = delivery.mode === 'post'
      ? `a fresh install takes ${edited}`
      : `a fresh install takes build ${delivery.buildTag}: with equal tags the highest build tag wins`;
    return [{ ...row, why }];
  }
  const why = chosen === version
    ? `${edited} does not satisfy it; it keeps the old file of ${version}`
    : `it takes the newer ${chosen}, which this edit does not change`;
  return [{ ...row, why }];
}

function situationRows(question: ReachQuestion): ReachRow[] {
  const { name, version, delivery } = question;
  const respin = delivery.mode === 'respin';
  const newest = requirementRow(question, name, '')[0];
  const row = (form: string, sees: boolean, why: string): ReachRow =>
    ({ form, kind: 'situation', sees, chosen: sees && !respin ? delivery.version : null, why });
  const upgradeSees = !respin && newest?.sees === true;
  return [
    row(`${version} is installed, install ${name}`, false, 'it is already satisfied; nothing is looked up'),
    row(`${version} is installed, install -U ${name}`, upgradeSees, upgradeSees
      ? `both clients upgrade to ${delivery.mode === 'post' ? delivery.version : version}`
      : respin
        ? 'the version is the same, so it stays; pip needs --force-reinstall, uv --reinstall-package'
        : newest?.why ?? 'nothing newer is found'),
    row(`${version} is installed, install -U ${name}==${version}`, false, 'it is already satisfied'),
    row('pip with --require-hashes or a pylock.toml made before', false,
      'the old hash is the only one allowed; the old file stays, and it works as before'),
    row('uv sync with a uv.lock made before', false, respin
      ? `unchanged until uv lock --upgrade-package ${name}; then uv sync --reinstall-package ${name}`
      : `unchanged until uv lock --upgrade-package ${name}`),
    row('--exclude-newer or --uploaded-prior-to before the edit', false, 'the new files are younger than the cut-off'),
    sdistRow(question, row),
    publicRow(question, row),
    row('installers that use another index only', false, 'the new files are on this index; where another index has the name too, '
      + 'uv takes the first index listed'),
  ];
}

type MakeRow = (form: string, sees: boolean, why: string) => ReachRow;

function sdistRow({ delivery, sdist, name }: ReachQuestion, row: MakeRow): ReachRow {
  const form = `builds from source (--no-binary ${name})`;
  if (delivery.mode === 'respin') return row(form, false, 'an sdist has no build tag, so it stays as it is');
  return sdist
    ? row(form, true, 'the patched sdist is part of the post-release')
    : row(form, false, 'no patched sdist is published with it');
}

function publicRow({ delivery, releaseAgeDays }: ReachQuestion, row: MakeRow): ReachRow {
  const form = 'the public index, if uploaded there';
  if (delivery.mode === 'post') return row(form, true, 'a post-release is a new version, which it takes at any time');
  const rule = `it takes new files for ${uploadDaysMax} days after a release`;
  if (releaseAgeDays === null) return row(form, false, `${rule}; the age of this one is not known`);
  return row(form, releaseAgeDays <= uploadDaysMax, `${rule}; this one is ${releaseAgeDays} days old`);
}
