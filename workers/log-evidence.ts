/** Looks for the first cause in what a failed build printed. Pure; the log is a stranger's text. */
import { stripVTControlCharacters } from 'node:util';
import { externalLine } from '../images/headers.ts';
import type { Evidence, FailureCode } from '../orchestrator/domain/failure.ts';

export interface LogCause {
  readonly code: FailureCode;
  readonly words: Readonly<Record<string, string>>;
  readonly evidence: Evidence;
}

const whyCharactersMax = 400;

/** Lines without colour, progress and blank ones. */
export function plainLines(text: string): string[] {
  return stripVTControlCharacters(text).split(/\r?\n|\r/)
    .map((line) => line.trimEnd()).filter((line) => line !== '');
}

/** A path as the project knows it: below its source root. */
export function relativePath(path: string): string {
  return path.replace(/^(?:.*\/)?work\/src\//, '').replace(/^\.\//, '');
}

const resources: readonly (readonly [RegExp, FailureCode])[] = [
  [/No space left on device|ENOSPC|\[Errno 28\]/, 'FARM_DISK'],
  [/^MemoryError\b|std::bad_alloc|Cannot allocate memory|out of memory|\[Errno 12\]/i, 'FARM_MEMORY'],
  [/virtual memory exhausted|Killed signal terminated program|failed with exit code -9\b/, 'FARM_MEMORY'],
  [/^Killed$|killed by signal 9$/, 'FARM_MEMORY'],
  [/BlockingIOError: \[Errno 11\]|fork: (?:retry: )?Resource temporarily unavailable/, 'FARM_PIDS'],
  [/can't start new thread|Cannot fork|pthread_create failed/, 'FARM_PIDS'],
];

const network = new RegExp([
  'Temporary failure in name resolution', 'Name or service not known', 'Could not resolve host',
  'Network is unreachable', 'nodename nor servname', 'getaddrinfo (?:EAI_AGAIN|ENOTFOUND|failed)',
  'Failed to resolve', 'unable to resolve host', 'dns error: failed to lookup',
].join('|'), 'i');

/** What system, QEMU and loader say of a program or module that was compiled for the target and started here. */
const foreignProgram = new RegExp([
  'Exec format error', 'cannot execute binary file', 'qemu-\\w+(?:-static)?: Could not open', 'invalid ELF header', 'wrong ELF class',
  'cannot open shared object file: No such file or directory \\(required by \\./',
].join('|'));

/** The end of a build that says: a program that I called has failed. */
const toolFailed = new RegExp([
  'command .* failed', 'failed with exit', 'CompileError', 'LinkError',
  'ninja: build stopped', 'make(?:\\[\\d+\\])?: \\*\\*\\*',
  // setuptools' own words, of which a long command may have cut off the end.
  "error: Command '\\[",
  'CalledProcessError', 'non-zero exit status', 'could not compile', 'CMake Error', 'CMake build failed',
  'BackendError',
  'FAILED:', 'CythonError', 'Cython\\.Compiler', 'ERROR: Compiler', 'exit (?:status|code) [1-9]',
].join('|'));

const compileError = /^(?:ERROR: )?((?:[A-Za-z]:)?[^\s:][^:]*?):(\d+):(?:(\d+):)? (?:fatal )?error: (.+)$/;
const headerMissing = /['"]?([^\s'"]+)['"]? file not found|^([^\s:]+): No such file or directory/;
const linkErrors = [
  /(?:ld\.lld|lld-link|ld|lld): (?:error: )?(undefined (?:symbol:|reference) .+|unable to find library .+|cannot find .+)/,
  /(undefined reference to .+)/,
  /^error: (?:ld\.lld: )?(undefined symbol: .+|unable to find (?:dynamic system )?library .+)/,
  /^(?:\S*ld(?:\.lld)?|lld-link): (error: .+|cannot find .+)/,
  /^collect2: (error: .+)/,
];
const optionError = /^(?:\S+: )?error: ((?:Unknown Clang option|unknown argument|unsupported option)\b.+)/;
const rustError = /^error(?:\[E\d+\])?: (.+)$/;
const rustPlace = /^\s*--> ([^:\s]+):(\d+):(\d+)$/;
const cythonHead = /^Error compiling Cython file:/;
const cythonPlace = /^([^\s:]+\.(?:pyx|pxd|py)):(\d+):(\d+): (.+)$/;

/**
 * The cause that the log shows, or null.
 * @param ending the last traceback, as the step's script kept it; empty where there is none
 * @param why the exception of that traceback
 */
export function findInLog(log: string, ending: string, why: unknown): LogCause | null {
  const lines = plainLines(log);
  const last = [...plainLines(ending), ...(typeof why === 'string' ? plainLines(why) : [])];
  const end = last.length > 0 ? last : lines.slice(-20);
  const byTool = end.some((line) => toolFailed.test(line)) || !end.some(isException);
  return resourceIn(byTool ? [...lines.slice(-120), ...end] : end)
    ?? foreignIn(end)
    ?? networkIn(end)
    ?? (byTool ? (toolErrorIn(lines) ?? networkIn(lines.slice(-120))) : null);
}

const exception = /^(?:[\w.]+(?:Error|Exception|Exit|Interrupt|Warning)|[\w.]+\.[A-Z]\w+): ?/;
const isException = (line: string): boolean => exception.test(line);

function resourceIn(lines: readonly string[]): LogCause | null {
  for (const line of lines) {
    const found = resources.find(([pattern]) => pattern.test(line));
    if (found) return { code: found[1], words: {}, evidence: { text: line.slice(0, whyCharactersMax) } };
  }
  return null;
}

function foreignIn(lines: readonly string[]): LogCause | null {
  const line = lines.find((each) => foreignProgram.test(each));
  if (line === undefined) return null;
  const why = line.trim().slice(0, whyCharactersMax);
  return { code: 'FARM_RUNS_TARGET_CODE', words: { why }, evidence: { text: why } };
}

function networkIn(lines: readonly string[]): LogCause | null {
  const line = lines.find((each) => network.test(each));
  if (line === undefined) return null;
  const why = line.trim().slice(0, whyCharactersMax);
  return { code: 'FARM_NETWORK_USED', words: { why }, evidence: { text: why } };
}

interface Place { readonly at: number; readonly file: string; readonly line: number; readonly text: string }

/** The compiler's or the linker's error: the first one in the file of the last one, as earlier files may be probes. */
function toolErrorIn(lines: readonly string[]): LogCause | null {
  const places = lines.flatMap((line, at) => placeIn(line, at)).concat(cythonIn(lines), rustIn(lines));
  const last = places.reduce<Place | null>((best, place) => (best && best.at > place.at ? best : place), null);
  const linked = lastLinkError(lines);
  if (last === null || (linked && linked.at > last.at)) {
    if (!linked) return optionIn(lines);
    return {
      code: 'FARM_LINK_ERROR', words: { why: linked.text.slice(0, whyCharactersMax) },
      evidence: { text: linked.whole.slice(0, whyCharactersMax) },
    };
  }
  const first = places.filter((place) => place.file === last.file).sort((a, b) => a.at - b.at)[0]!;
  return compilerCause(first);
}

/** An option that the compiler does not know: no file of the source is named. */
function optionIn(lines: readonly string[]): LogCause | null {
  const why = lines.map((line) => optionError.exec(line)?.[1]).find((text) => text !== undefined)?.slice(0, whyCharactersMax);
  return why === undefined ? null : { code: 'FARM_COMPILE_ERROR', words: { why }, evidence: { text: why } };
}

/**
 * The first error in the source that a compiler printed while the build went on; a header that is not there is no such
 * error, because builds ask for optional libraries in this way.
 */
export function swallowedError(log: string): Evidence | null {
  const cause = toolErrorIn(plainLines(log));
  return cause && cause.code !== 'FARM_HEADER_MISSING' ? cause.evidence : null;
}

function compilerCause(place: Place): LogCause {
  const file = relativePath(place.file);
  const evidence = { file, line: place.line, text: place.text };
  const header = headerMissing.exec(place.text);
  if (header) {
    const name = header[1] ?? header[2]!;
    return { code: 'FARM_HEADER_MISSING', words: { header: name, line: externalLine(name) }, evidence };
  }
  const why = `${file}:${place.line}: ${place.text}`.slice(0, whyCharactersMax);
  return { code: 'FARM_COMPILE_ERROR', words: { why }, evidence };
}

function placeIn(line: string, at: number): Place[] {
  const found = compileError.exec(line.trim());
  return found ? [{ at, file: found[1]!, line: Number(found[2]), text: found[4]!.trim() }] : [];
}

function cythonIn(lines: readonly string[]): Place[] {
  if (!lines.some((line) => cythonHead.test(line))) return [];
  return lines.flatMap((line, at) => {
    const found = cythonPlace.exec(line.trim());
    if (!found || /warning:/i.test(found[4]!)) return [];
    return [{ at, file: found[1]!, line: Number(found[2]), text: found[4]! }];
  });
}

function rustIn(lines: readonly string[]): Place[] {
  return lines.flatMap((line, at) => {
    const found = rustError.exec(line);
    const place = rustPlace.exec(lines[at + 1] ?? '');
    return found && place ? [{ at, file: place[1]!, line: Number(place[2]), text: found[1]! }] : [];
  });
}

/** The first of the linker's last lines of errors; `collect2` only says that there were some. */
function lastLinkError(lines: readonly string[]): { at: number; text: string; whole: string } | null {
  const found = lines.flatMap((line, at) => {
    const text = linkErrors.map((pattern) => pattern.exec(line)?.[1]).find((each) => each !== undefined);
    return text === undefined ? [] : [{ at, text, whole: line.trim() }];
  });
  const last = found.at(-1);
  if (!last) return null;
  const group = found.filter((each) => last.at - each.at < 60);
  return { ...(group.find((each) => !each.text.startsWith('error: ld returned')) ?? last), at: last.at };
}
