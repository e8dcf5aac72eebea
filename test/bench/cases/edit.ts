import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { reopenWheel } from '../../../orchestrator/adapters/archive/payload.ts';
import type { OpenedWheel } from '../../../orchestrator/adapters/archive/payload.ts';
import { respinWheel } from '../../../orchestrator/adapters/archive/respin.ts';
import type { VirtualWheel } from '../../../orchestrator/adapters/archive/respin.ts';
import { editMetadata } from '../../../orchestrator/domain/edit.ts';
import { clientVenv } from '../../support/clients.ts';
import { forInterpreter, longSet, realWheel, smallSet } from '../../support/edit-wheels.ts';
import { deliverReal, editedReal, openReal, proofEdit, proofEpoch } from '../../support/respin-proof.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { atLeast, atMost, measure, median } from '../measure.ts';

const execute = promisify(execFile);

/** Wheels of 4 to 61 MB; the first of them are the ones of the small form. */
const timed = ['cryptography==44.0.0', 'numpy==2.2.0', 'pandas==2.2.3', 'scipy==1.14.1', 'pyarrow==18.1.0', 'opencv-python-headless==4.10.0.84'] as const;
const editsPerRound = 20;
const warmEdits = 100;
const checker = join(import.meta.dirname, '../../../docs/check-respin.py');
const acceptance = join(import.meta.dirname, '../../support/acceptance.py');

export const edit: BenchCase = {
  name: 'edit',
  compares: 'An edit of a wheel’s metadata, spliced and hashed in process, against wheel unpack, the same edit, wheel pack.',
  run: benchEdit,
};

interface Timed { readonly name: string; readonly megabytes: number; readonly oursMs: number; readonly peerMs: number; readonly ratio: number }

async function benchEdit({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  try {
    const bin = await clientVenv('edit-audit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1', 'auditwheel==6.4.2']);
    const rows: Timed[] = [];
    const [opens, reopens]: [number[], number[]] = [[], []];
    const stored: number[] = [];
    for (const requirement of short ? timed.slice(0, 2) : timed) {
      const path = await realWheel(requirement);
      const began = performance.now();
      const { wheel, close } = await openReal(path);
      opens.push(performance.now() - began);
      reopens.push(await reopened(wheel));
      rows.push(await raced(bin, path, wheel, folder, short ? 1 : 3));
      stored.push(storedBytes(edited(wheel, 0)) / edited(wheel, 0).own.length);
      await close();
      const row = rows.at(-1) as Timed;
      say(`${requirement}: ${row.oursMs.toFixed(2)} ms against ${Math.round(row.peerMs)} ms, ${Math.round(row.ratio)} times`);
    }
    const hundred = await hundredEdits(folder);
    const proven = await provenWheels(short ? smallSet : longSet, folder, bin, say);
    return judged(rows, { opens, reopens, stored, hundred, proven, wanted: (short ? smallSet : longSet).length });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One whole edit: METADATA as text, diff, risk, tail, digest. */
function edited(wheel: OpenedWheel, number: number): VirtualWheel {
  const operations = proofEdit.map((one) => (one.field === 'Keywords' ? { ...one, value: `edit ${number}` } : one));
  const { metadata } = editedReal(wheel, operations);
  return respinWheel(wheel, { metadata, buildTag: number + 1, sourceDateEpoch: proofEpoch });
}

/** What an edit adds to a store: its own bytes and the list of parts. */
const storedBytes = (wheel: VirtualWheel): number => wheel.own.length + descriptionOf(wheel).length;

/** METADATA is in the tail already, so the list need not hold it. */
const descriptionOf = (wheel: VirtualWheel): string => JSON.stringify({ ...wheel, own: undefined, metadata: undefined });

async function reopened(wheel: OpenedWheel): Promise<number> {
  const { name, version } = wheel.checked.core;
  const began = performance.now();
  const again = await reopenWheel(
    { source: wheel.archive.source, filename: wheel.filename, sha256: wheel.sha256, expected: { name, version } }, wheel.stored);
  if (!again.ok) throw new Error(JSON.stringify(again.error));
  return performance.now() - began;
}

/** Both sides in turn, round by round. */
async function raced(bin: string, path: string, wheel: OpenedWheel, folder: string, rounds: number): Promise<Timed> {
  const seen: { ours: number; peer: number }[] = [];
  for (let warm = 0; warm < warmEdits; warm += 1) edited(wheel, warm);
  for (let round = 0; round < rounds; round += 1) {
    const ours = median(Array.from({ length: editsPerRound }, (_, at) => {
      const began = performance.now();
      edited(wheel, at);
      return performance.now() - began;
    }));
    seen.push({ ours, peer: await unpackEditPack(bin, path, join(folder, 'peer')) });
  }
  const [oursMs, peerMs] = [median(seen.map(({ ours }) => ours)), median(seen.map(({ peer }) => peer))];
  return { name: wheel.checked.core.name, megabytes: wheel.bytes / 1e6, oursMs, peerMs, ratio: median(seen.map(({ ours, peer }) => peer / ours)) };
}

/** What people do today. The edit itself is ours, so that only the rest is compared. @unit milliseconds */
async function unpackEditPack(bin: string, path: string, folder: string): Promise<number> {
  const began = performance.now();
  await repacked({ bin, path, folder });
  const ms = performance.now() - began;
  await rm(folder, { recursive: true });
  return ms;
}

/** Unpacks a wheel, edits it and packs it with a build number; answers the new file. */
export async function repacked(
  { bin, path, folder, build = 1 }: { readonly bin: string; readonly path: string; readonly folder: string; readonly build?: number },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await execute(join(bin, 'wheel'), ['unpack', '-d', join(folder, 'in'), path], { maxBuffer: 1 << 26 });
  const root = join(folder, 'in', (await readdir(join(folder, 'in')))[0] ?? '');
  const info = (await readdir(root)).find((name) => name.endsWith('.dist-info')) ?? '';
  const file = join(root, info, 'METADATA');
  const changed = editMetadata(await readFile(file, 'utf8'), proofEdit);
  if (!changed.ok) throw new Error(JSON.stringify(changed.error));
  await writeFile(file, changed.value.metadata);
  await mkdir(join(folder, 'out'), { recursive: true });
  await execute(join(bin, 'wheel'), ['pack', '-d', join(folder, 'out'), '--build-number', String(build), root], { maxBuffer: 1 << 26 });
  return join(folder, 'out', (await readdir(join(folder, 'out')))[0] ?? '');
}

/** A hundred edits of one wheel, written as a store would; bytes over the wheel's own. */
async function hundredEdits(folder: string): Promise<number> {
  const { wheel, close } = await openReal(await realWheel('numpy==2.2.0'));
  const store = join(folder, 'store');
  await mkdir(store);
  for (let number = 0; number < 100; number += 1) {
    const made = edited(wheel, number);
    await writeFile(join(store, `${made.sha256}.own`), made.own);
    await writeFile(join(store, `${made.sha256}.json`), descriptionOf(made));
  }
  await close();
  const names = await readdir(store);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(store, name))).size));
  return sizes.reduce((sum, one) => sum + one, 0) / wheel.bytes;
}

/** What stock tools must make of an edited wheel; each throws where it does not. */
async function provenBy(bin: string, made: string, { original, out }: { readonly original: string; readonly out: string }): Promise<void> {
  const most = { maxBuffer: 1 << 26 };
  await execute('python3', ['-m', 'zipfile', '-t', made], most);
  await execute('python3', [checker, made, original], most);
  await execute('python3', [acceptance, made, original], most);
  await execute(join(bin, 'wheel'), ['unpack', '-d', join(out, 'unpacked'), made], most);
  if (made.includes('linux')) await execute(join(bin, 'auditwheel'), ['show', made], most);
  await execute(join(bin, 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-index', ...forInterpreter, '--target', join(out, 'pip'), made], most);
  await execute(join(bin, 'uv'), ['pip', 'install', '-q', '--offline', '--no-cache', '--no-deps', '--python', join(bin, 'python'),
    '--python-platform', 'x86_64-manylinux_2_28', '--python-version', '3.11', '--target', join(out, 'uv'), made], most);
  for (const folder of ['unpacked', 'pip', 'uv']) await rm(join(out, folder), { recursive: true });
}

/** Delivers each wheel both ways and lets stock tools, the index's acceptance rules and the checker judge what came out. */
async function provenWheels(set: readonly string[], folder: string, bin: string, say: (line: string) => void): Promise<number> {
  let proven = 0;
  for (const requirement of set) {
    const path = await realWheel(requirement);
    const out = join(folder, 'proof');
    await mkdir(out);
    try {
      const { wheel, close } = await openReal(path);
      const { respin, post } = await deliverReal(wheel, out).finally(close);
      for (const made of [respin, post]) {
        await provenBy(bin, made.path, { original: path, out });
      }
      proven += 1;
      say(`proven: ${basename(path)}, ${wheel.ranges.length} ranges, ${respin.virtual.own.length} bytes`);
    } catch (error) {
      say(`not proven: ${basename(path)}: ${String(error)}`);
    } finally {
      await rm(out, { recursive: true });
    }
  }
  return proven;
}

interface Also {
  readonly opens: readonly number[]; readonly reopens: readonly number[]; readonly stored: readonly number[];
  readonly hundred: number; readonly proven: number; readonly wanted: number;
}

function judged(rows: readonly Timed[], { opens, reopens, stored, hundred, proven, wanted }: Also): CaseResult {
  return {
    measures: [
      measure('unpack + edit + pack over our edit, each wheel’s median', 'ratio', rows.map(({ ratio }) => ratio), atLeast(1_000)),
      measure('the wheel with the lowest ratio', 'ratio', [Math.min(...rows.map(({ ratio }) => ratio))], atLeast(300)),
      measure('bytes stored over the new tail', 'ratio', stored, atMost(1.1)),
      measure('100 edits of numpy, bytes stored over one wheel', 'ratio', [hundred], atMost(1)),
      measure(`wheels edited both ways that zipfile, wheel, auditwheel, pip, uv, the acceptance rules and the checker take, of ${wanted}`, 'wheels', [proven], atLeast(wanted)),
      measure('our edit', 'ms', rows.map(({ oursMs }) => oursMs)),
      measure('unpack + edit + pack', 'ms', rows.map(({ peerMs }) => peerMs)),
      measure('first reading of a wheel, once: every member unpacked and hashed', 'ms', opens),
      measure('opening it again from the kept state', 'ms', reopens),
    ],
    notes: [
      `Per wheel: ${rows.map(({ name, megabytes, oursMs, peerMs, ratio }) =>
        `${name} ${megabytes.toFixed(1)} MB ${oursMs.toFixed(2)} ms against ${(peerMs / 1000).toFixed(2)} s, ${Math.round(ratio)}×`).join('; ')}.`,
      `Ours is the median of ${editsPerRound} edits in a process that made ${warmEdits} before, with the wheel opened; the peer is two processes, as people call them.`,
    ],
  };
}
