/** What `./farm shell` says about the cell that it opened. Pure. */
import type { CellInputs } from '../orchestrator/contract/api.ts';
import { durationWords, sizeWords } from './classify.ts';
import type { OpenCell } from './open-cell.ts';
import { againScript } from './open-cell.ts';
import { place } from './steps/box-layout.ts';

const width = 14;
const named = (name: string, text: string): string => `${name.padEnd(width)}${text}`;

/** Image, inputs and limits, why the cell failed, and how its step is done again. */
export function openedLines({ inputs, installed, notInstalled }: Omit<OpenCell, 'box' | 'environment'>): string[] {
  const { project, version, target, image, source, limits, failure, lock } = inputs;
  const wheels = installed.map(({ name, version: at, filename, sha256 }) =>
    `${name} ${at}  ${filename}  sha256 ${sha256}`);
  const none = notInstalled ? `none: ${notInstalled.code}: ${notInstalled.message}` : 'none';
  const step = failure?.step === 'requires' ? 'requires' : 'build';
  return [
    `== ${project}==${version} for ${target}`,
    named('image', `${image.name}  key ${image.key}`),
    named('sdist', `${source.filename}  sha256 ${source.sha256}`),
    ...(wheels.length > 0 ? wheels : [none]).map((line, at) => named(at === 0 ? 'requirements' : '', line)),
    ...(lock.length === 0 && wheels.length > 0
      ? [named('', 'the cell did not come to lock them: chosen again, by the same time')] : []),
    named('sealed', [
      `no network, ${sizeWords(limits.memoryBytes)} memory, ${sizeWords(limits.workBytes)} of it for /work,`,
      `${limits.pidsMax} processes; the farm gives the step ${durationWords(limits.stepMsMax)}, here it is not stopped`,
    ].join(' ')),
    ...(failure ? failureLines(failure) : []),
    named('here', `${place.src}, the environment of the ${step} step, just before it`),
    named('again', `sh ${againScript} is the ${step} step`),
  ];
}

function failureLines({ step, code, message, evidence, next }: NonNullable<CellInputs['failure']>): string[] {
  const where = evidence?.file ? `${evidence.file}${evidence.line ? `:${evidence.line}` : ''}: ` : '';
  return [
    named('failed', `${step}: ${code}: ${message}`),
    ...(evidence ? `${where}${evidence.text}`.split('\n') : [])
      .map((line, at) => named(at === 0 ? 'first error' : '', line)),
    ...(next.includes('./farm shell') ? [] : [named('next', next)]),
  ];
}
