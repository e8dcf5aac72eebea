/**
 * How a command ended, as a failure: limits first, then what the step's script says, then what the log shows. Pure.
 * Results and logs were written next to strangers' code: they choose words and a code of the lists below, nothing else.
 */
import type { CellLimits } from '../orchestrator/contract/limits.ts';
import { cards, failure } from '../orchestrator/domain/failure.ts';
import type { Evidence, Failure, FailureCode, Step } from '../orchestrator/domain/failure.ts';
import type { StepExit } from './backend/types.ts';
import { findInLog, plainLines, relativePath } from './log-evidence.ts';

/** What a failure's words need beside the exit. */
export interface StepContext {
  readonly step: Step;
  /** `name==version`, as a person would type it. */
  readonly what: string;
  readonly target: string;
  readonly limits: CellLimits;
  /** The time limit of this command in milliseconds. */
  readonly msMax: number;
}

type Words = Readonly<Record<string, string | number>>;
interface Reported { readonly code: FailureCode; readonly words: Words; readonly evidence?: Evidence; readonly step?: Step }

/** The codes that a step's script may report; another one is not believed. */
const reportable: ReadonlySet<string> = new Set<FailureCode>([
  'FARM_SDIST_CORRUPT', 'FARM_SDIST_TRUNCATED', 'FARM_SDIST_CLIMBS', 'FARM_SDIST_TOO_BIG', 'FARM_PYPROJECT_BROKEN',
  'FARM_DIGEST_MISMATCH', 'FARM_REQUIREMENT_UNKNOWN', 'FARM_REQUIREMENT_NO_WHEEL', 'FARM_REQUIREMENT_CONFLICT',
  'FARM_FETCH_FAILED', 'FARM_EXTERNAL_FAILED', 'FARM_CRATES_UNLOCKED', 'FARM_BACKEND_MISSING', 'FARM_REQUIRES_HOOK', 'FARM_BUILD_FAILED', 'FARM_DISK',
  'FARM_WHEEL_NONE', 'FARM_WHEEL_MANY', 'FARM_WHEEL_NAME', 'FARM_WHEEL_VERSION', 'FARM_WHEEL_TAG', 'FARM_WHEEL_BROKEN',
  'FARM_REPAIR_FAILED', 'FARM_AUDIT_MACHINE', 'FARM_AUDIT_FLOOR', 'FARM_AUDIT_SUFFIX', 'FARM_AUDIT_LIBRARY',
  'FARM_AUDIT_SIGNATURE', 'FARM_AUDIT_BROKEN', 'FARM_AUDIT_STABLE_ABI', 'FARM_TEST_IMPORT',
  'FARM_IMAGE_MISSING', 'FARM_CONTAINER_BROKE',
  'FARM_PATCH_FAILED', 'FARM_HOOK_FAILED', 'FARM_HOOK_NETWORK', 'FARM_TEST_COMMAND', 'FARM_TEST_PYTHON',
  'FARM_REPOSITORY_UNKNOWN', 'FARM_REPOSITORY_NO_PROJECT', 'FARM_COMMIT_GONE', 'FARM_CLONE_FAILED', 'FARM_CLONE_TOO_BIG',
  'FARM_SUBMODULE_REFUSED',
]);

/** Codes behind which the log may show a nearer cause. */
const vague: ReadonlySet<FailureCode> = new Set<FailureCode>(['FARM_BUILD_FAILED', 'FARM_REQUIRES_HOOK']);
/** Steps in which a stranger's code runs: what cannot be explained there is the project's. */
const strangersSteps: ReadonlySet<Step> = new Set<Step>(['sdist', 'requires', 'build', 'test']);
const evidenceCharactersMax = 4000;

/** The failure of a command that did not end well. */
export function classify(exit: StepExit, context: StepContext): Failure {
  const words = { step: context.step, what: context.what, target: context.target };
  const make = (code: FailureCode, more: Words = {}, evidence?: Evidence): Failure =>
    failure(code, context.step, { ...words, ...more }, evidence && { ...evidence, text: evidence.text.slice(0, evidenceCharactersMax) });
  if (exit.ended !== 'exit') return stopped(exit, context, make);
  const reported = parseReported(exit.result);
  if (reported && !vague.has(reported.code)) {
    const found = make(reported.code, { ...limitWords(reported.code, context), ...reported.words }, reported.evidence);
    return reported.step ? { ...found, step: reported.step } : found;
  }
  const found = findInLog(exit.logTail, reported?.evidence?.text ?? '', reported?.words['why']);
  if (found) return make(found.code, { ...limitWords(found.code, context), ...found.words }, found.evidence);
  if (exit.code === 137) return make('FARM_MEMORY', limitWords('FARM_MEMORY', context));
  if (reported) return make(reported.code, reported.words, reported.evidence);
  return unexplained(exit, context, make);
}

type Make = (code: FailureCode, more?: Words, evidence?: Evidence) => Failure;

/** What the backend stopped; the end of the log is the evidence. */
function stopped(exit: StepExit, context: StepContext, make: Make): Failure {
  const codes = {
    timeout: context.step === 'test' ? 'FARM_TEST_TIMEOUT' : 'FARM_BUILD_TIMEOUT',
    silent: 'FARM_STEP_SILENT', flood: 'FARM_LOG_FLOOD', memory: 'FARM_MEMORY', disk: 'FARM_DISK', pids: 'FARM_PIDS',
    cancelled: 'FARM_CANCELLED', exit: 'FARM_BUILD_FAILED',
  } as const satisfies Record<StepExit['ended'], FailureCode>;
  const code = codes[exit.ended];
  const last = plainLines(exit.logTail).slice(-5).join('\n');
  return make(code, { ...limitWords(code, context), who: 'request' }, last ? { text: last } : undefined);
}

function unexplained(exit: StepExit, context: StepContext, make: Make): Failure {
  const lines = plainLines(exit.logTail);
  const why = exit.code === 0 ? 'its result cannot be read'
    : (lines.at(-1) ?? `it ended with status ${exit.code ?? 'none'} and printed nothing`);
  const code = context.step === 'test' ? 'FARM_TEST_IMPORT'
    : context.step === 'requires' ? 'FARM_REQUIRES_HOOK'
      : strangersSteps.has(context.step) ? 'FARM_BUILD_FAILED' : 'FARM_CONTAINER_BROKE';
  return make(code, { why: why.slice(0, 400) }, lines.length > 0 ? { text: lines.slice(-12).join('\n') } : undefined);
}

/** The `{limit}` of a card, in words for people. */
function limitWords(code: FailureCode, { limits, msMax }: StepContext): Words {
  switch (code) {
    case 'FARM_BUILD_TIMEOUT': case 'FARM_TEST_TIMEOUT': return { limit: durationWords(msMax) };
    case 'FARM_STEP_SILENT': return { limit: durationWords(limits.silenceMsMax) };
    case 'FARM_LOG_FLOOD': return { limit: sizeWords(limits.logBytesMax) };
    case 'FARM_MEMORY': return { limit: sizeWords(limits.memoryBytes) };
    case 'FARM_DISK': return { limit: sizeWords(limits.workBytes) };
    case 'FARM_PIDS': return { limit: limits.pidsMax };
    default: return {};
  }
}

/** `90 seconds`, `30 minutes`; the unit in which it is a whole number. */
export function durationWords(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return counted(ms / 60_000, 'minute');
  if (ms >= 1000) return counted(Math.round(ms / 100) / 10, 'second');
  return `${ms} milliseconds`;
}

/** `3 GiB`, `512 MiB`, `64 KiB`. */
export function sizeWords(bytes: number): string {
  const units = [['GiB', 1024 ** 3], ['MiB', 1024 ** 2], ['KiB', 1024]] as const;
  const unit = units.find(([, size]) => bytes >= size);
  return unit ? `${Math.round((bytes / unit[1]) * 10) / 10} ${unit[0]}` : `${bytes} bytes`;
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** A script's `{ok: false, code, words, evidence}`; null where it is anything else. */
function parseReported(result: unknown): Reported | null {
  if (!isRecord(result) || result['ok'] !== false) return null;
  const code = result['code'];
  if (typeof code !== 'string' || !reportable.has(code) || !(code in cards)) return null;
  const words: Record<string, string> = {};
  for (const [name, value] of Object.entries(isRecord(result['words']) ? result['words'] : {})) {
    if (typeof value === 'string' || typeof value === 'number') words[name] = String(value).slice(0, 600);
  }
  const evidence = parseEvidence(result['evidence']);
  // The one program that does two steps.
  const step = result['step'] === 'audit' ? { step: 'audit' as const } : {};
  return { code: code as FailureCode, words, ...step, ...(evidence ? { evidence } : {}) };
}

function parseEvidence(value: unknown): Evidence | undefined {
  if (!isRecord(value) || typeof value['text'] !== 'string') return undefined;
  const { file, line } = value;
  return {
    ...(typeof file === 'string' ? { file: relativePath(file).slice(0, 400) } : {}),
    ...(typeof line === 'number' && Number.isSafeInteger(line) && line >= 0 ? { line } : {}),
    text: plainLines(value['text']).join('\n').slice(0, evidenceCharactersMax),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
