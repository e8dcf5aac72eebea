import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../../contract/limits.ts';
import { excludes, judgeResolution, resolveTargets, type Resolution, type ResolveTarget } from '../../domain/resolution.ts';
import type { EditGroup } from '../../domain/edit-release.ts';
import { parseWheelFilename } from '../../domain/filename.ts';
import type { EditChecks } from '../../edit-ports.ts';
import { composedBlobs } from '../blobs-composed.ts';
import { fileUrl, type PageFile } from '../index-render.ts';
import type { File } from '../prisma/client/client.ts';
import { asJson, type Database } from '../prisma/database.ts';
import type { BlobStore } from '../../ports.ts';
import { serveStaged, type StagedIndex } from './staging.ts';
import { findUv, ran, type UvParts } from './uv.ts';

export interface CheckParts extends UvParts {
  readonly database: Database;
  readonly blobs: BlobStore;
  /** The farm's own index, for names that the staged release needs. Ends in `/`. */
  readonly index: string;
}

/** A release as an edit would make it. */
export interface StagedEdit {
  readonly project: string;
  readonly version: string;
  readonly toVersion: string | null;
  readonly startedAt: Date;
  readonly groups: readonly EditGroup[];
  readonly wheels: readonly Staged[];
}
interface Staged { readonly filename: string; readonly sha256: string; readonly bytes: bigint; readonly requiresPython: string | null; readonly metadataSha256: string }
type Bytes = Pick<BlobStore, 'size' | 'stream'>;

/** Port EditChecks: an edit whose preview was checked has that answer already. */
export function uvChecks(parts: CheckParts): EditChecks {
  const { prisma } = parts.database;
  return {
    async check(editId) {
      const edit = await prisma.edit.findUniqueOrThrow({ where: { id: editId }, include: { wheels: true } });
      const known = edit.resolution as unknown as Resolution[] | null;
      const found = known ?? await judgeStaged(parts, { ...edit, groups: edit.groups as unknown as EditGroup[] }, composedBlobs(parts.blobs, parts.database.pool));
      if (!known) await prisma.edit.updateMany({ where: { id: editId, state: 'running' }, data: { resolution: asJson(found) } });
      return { conflicts: found.filter(({ state }) => state === 'conflict'), accepted: edit.acceptedConflict };
    },
  };
}

/** uv resolves the staged release for every Python and platform that it has wheels for, and pip and uv install it here. */
export async function judgeStaged(parts: CheckParts, staged: StagedEdit, blobs: Bytes): Promise<Resolution[]> {
  try {
    const files = await parts.database.prisma.file.findMany({ where: { project: staged.project } });
    return await checked(parts, { edit: staged, files }, blobs);
  } catch (error) {
    return [{ target: 'all', state: 'not done', says: error instanceof Error ? error.message : String(error) }];
  }
}

async function checked(parts: CheckParts, { edit, files }: { edit: StagedEdit; files: readonly File[] }, blobs: Bytes): Promise<Resolution[]> {
  const uv = await findUv(parts);
  const folder = await mkdtemp(join(tmpdir(), 'farm-check-'));
  const old = files.map((file) => pageFile(file, file.version, file.uploadTime, file.yanked));
  const fresh = edit.wheels.map((wheel) => pageFile(wheel, edit.toVersion ?? edit.version, edit.startedAt, null));
  const serve = (some: readonly PageFile[]) => serveStaged({ project: edit.project, files: some, blobs, farmIndex: parts.index });
  const [after, before] = [await serve([...old, ...fresh]), await serve(old)];
  const env = { PATH: parts.env['PATH'] ?? '', HOME: folder, UV_CACHE_DIR: join(folder, 'cache'), UV_NO_PROGRESS: '1', NO_COLOR: '1', UV_HTTP_RETRIES: '0' };
  try {
    const { targets, unknown } = askedFor(edit.groups, edit.wheels.map(({ filename }) => filename));
    const wanted = targets.filter(({ python }) => !edit.wheels.every(({ requiresPython }) => excludes(requiresPython, python)));
    const question: Question = { uv, env, what: `${edit.project}==${edit.toVersion ?? edit.version}`, was: `${edit.project}==${edit.version}`, after, before };
    const found = await inTurn(wanted, (target) => resolved(question, target));
    return [
      ...found, ...await installed(question, edit, folder),
      ...(unknown.length === 0 ? [] : [{ target: unknown.join(' '), state: 'not done' as const, says: 'the resolver has no name for these platforms' }]),
    ];
  } finally {
    await Promise.all([after.close(), before.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Only what the change can touch: other text resolves as before, and bounds of Python do so on every platform alike. */
function askedFor(groups: readonly EditGroup[], filenames: readonly string[]): ReturnType<typeof resolveTargets> {
  const fields = new Set(groups.flatMap(({ changes }) => changes.map(({ field }) => field.toLowerCase())));
  const found = resolveTargets(filenames, limits.resolveTargetsMax);
  if (fields.has('requires-dist') || fields.has('provides-extra')) return found;
  const targets = fields.has('requires-python') ? [...new Map(found.targets.toReversed().map((one) => [one.python, one])).values()] : [];
  return { targets, unknown: [] };
}

function pageFile(
  file: { filename: string; sha256: string; bytes: bigint; requiresPython: string | null; metadataSha256: string | null },
  version: string, time: Date, yanked: string | null,
): PageFile {
  return {
    filename: file.filename, sha256: file.sha256, url: fileUrl(file.sha256, file.filename), size: Number(file.bytes), version,
    requiresPython: file.requiresPython, metadataSha256: file.metadataSha256, uploadTime: time.toISOString(),
    yanked: yanked === null ? false : yanked || true, provenanceUrl: null,
  };
}

interface Question {
  readonly uv: string; readonly env: Record<string, string>; readonly what: string; readonly was: string;
  readonly after: StagedIndex; readonly before: StagedIndex;
}

/** What fails as it failed before the edit is no conflict of the edit. */
async function resolved(question: Question, target: ResolveTarget): Promise<Resolution> {
  const name = `${target.python} ${target.platform}`;
  const now = await compiled(question, target, question.after, question.what);
  if (now.state !== 'conflict') return { target: name, ...now };
  return orAsBefore({ target: name, ...now }, await compiled(question, target, question.before, question.was));
}

const orAsBefore = (now: Resolution, then: Pick<Resolution, 'state' | 'says'>): Resolution => (then.state === 'resolved' ? now
  : { target: now.target, state: 'not done', says: `it did not resolve before the edit either: ${then.says}` });

async function compiled({ uv, env }: Question, { python, platform }: ResolveTarget, index: StagedIndex, what: string): Promise<Pick<Resolution, 'state' | 'says'>> {
  const { code, output } = await ran(uv, ['pip', 'compile', '-', '-q', '--no-config', '--no-python-downloads', '--only-binary', ':all:', '--no-header',
    // Named, because looking for a Python of that version takes longer than resolving for it.
    '--python', 'python3', '--python-version', python, '--python-platform', platform, '--default-index', index.url], { env, msMax: limits.resolveMsMax, input: `${what}\n` });
  return judgeResolution(code, output);
}

/** A stock uv and a stock pip install the release for the Python of this machine, where it has a wheel for it. */
async function installed(question: Question, edit: StagedEdit, folder: string): Promise<Resolution[]> {
  const { uv, env } = question;
  // The interpreter itself: `python3` may be a script of a version switcher, whose lock a killed pip leaves behind.
  const here = await ran('python3', ['-c', 'import sys; print("cp%d%d" % sys.version_info[:2]); print(sys.executable)'], { env, msMax: 10_000 });
  const [tag = '', python = ''] = here.output.trim().split('\n');
  const fits = edit.wheels.some(({ filename, requiresPython }) => {
    const parsed = parseWheelFilename(filename);
    if (!parsed.ok || excludes(requiresPython, tag.replace(/^cp3/, '3.'))) return false;
    const { pythons, platforms } = parsed.value.tags;
    return (pythons.includes(tag) || pythons.includes('py3')) && platforms.some((one) => one === 'any' || /^(many)?linux.*_x86_64$/.test(one));
  });
  if (here.code !== 0 || !fits) return [];
  const lines = [
    ['uv', uv, ['pip', 'install', '-q', '--no-config', '--no-python-downloads', '--python', python]],
    ['pip', python, ['-m', 'pip', '--isolated', 'install', '-q', '--no-cache-dir', '--disable-pip-version-check']],
  ] as const;
  return inTurn(lines, async ([name, command, argv]): Promise<Resolution> => {
    const one = async (what: string, index: StagedIndex, into: string): Promise<Pick<Resolution, 'state' | 'says'>> => {
      const { code, output } = await ran(command, [...argv, '--no-deps', '--only-binary', ':all:', '--target', join(folder, into), '--index-url', index.url, what],
        { env, msMax: limits.resolveMsMax });
      if (code === 0) return { state: 'resolved', says: '' };
      return { state: /No module named pip|No interpreter/i.test(output) ? 'not done' : 'conflict', says: output.trim().slice(-1_000) };
    };
    const now: Resolution = { target: `install by ${name}`, ...await one(question.what, question.after, name) };
    return now.state === 'conflict' ? orAsBefore(now, await one(question.was, question.before, `${name}-before`)) : now;
  });
}

/** A few at a time, answers in the order of the questions. */
async function inTurn<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const waiting = all.map((one, place) => [one, place] as const);
  await Promise.all(Array.from({ length: limits.resolvesAtOnce }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) answers[next[1]] = await work(next[0]);
  }));
  return answers;
}
