/** The laws of `Backend`, run on the Docker backend and on the scripted one. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FarmError } from '../../orchestrator/domain/failure.ts';
import type { Backend, BoxOrder, StepCommand } from '../../workers/backend/types.ts';

/** Commands of one backend: shell scripts for Docker, replies for the scripted one. */
export interface LawCommands {
  /** Writes `{"ok":true,"said":1}` to /work/result/x.json, prints `hello`, ends with 0. */
  readonly succeeds: StepCommand;
  /** Ends with 3 and a result `{"ok":false}`. */
  readonly fails: StepCommand;
  /** Never ends by itself. */
  readonly hangs: StepCommand;
  /** Leaves a file with the three bytes `abc` as /work/out/x. */
  readonly writes: StepCommand;
}

export interface LawSubject {
  readonly backend: Backend;
  readonly order: BoxOrder;
  readonly commands: LawCommands;
}

const never = (): AbortSignal => new AbortController().signal;

/** @shape make is called once, before the first law */
export function backendLaws(name: string, make: () => Promise<LawSubject>): void {
  describe(`laws of a backend: ${name}`, () => {
    let subject: LawSubject;
    let folder: string;
    beforeAll(async () => {
      subject = await make();
      folder = await mkdtemp(join(tmpdir(), 'wheelfarm-laws-'));
    });
    afterAll(async () => {
      await subject.backend.closeAll();
      await rm(folder, { recursive: true, force: true });
    });

    it('is ready', async () => {
      expect(await subject.backend.ready()).toEqual({ ok: true });
    });

    it('gives back exit status, result and log, also of a failure', async () => {
      const box = await subject.backend.open(subject.order);
      const heard: Uint8Array[] = [];
      const good = await box.run(subject.commands.succeeds, (bytes) => heard.push(Uint8Array.from(bytes)), never());
      expect(good).toMatchObject({ ended: 'exit', code: 0, result: { ok: true, said: 1 } });
      expect(good.logTail).toContain('hello');
      expect(Buffer.concat(heard).toString()).toContain('hello');
      const bad = await box.run(subject.commands.fails, () => undefined, never());
      expect(bad).toMatchObject({ ended: 'exit', code: 3, result: { ok: false } });
      await box.close();
    });

    it('gives a fresh box each time', async () => {
      subject.backend.prepare(subject.order);
      const first = await subject.backend.open(subject.order);
      const second = await subject.backend.open(subject.order);
      expect(first.id).not.toBe(second.id);
      await first.run(subject.commands.writes, () => undefined, never());
      await expect(second.take('/work/out/x', join(folder, 'none'), 100)).rejects.toMatchObject({ failure: { code: 'FARM_WHEEL_NONE' } });
      await Promise.all([first.close(), second.close()]);
    });

    it('takes a file out within its limit only', async () => {
      const box = await subject.backend.open(subject.order);
      await box.run(subject.commands.writes, () => undefined, never());
      expect(await box.take('/work/out/x', join(folder, 'x'), 3)).toEqual({ bytes: 3 });
      expect(await readFile(join(folder, 'x'), 'utf8')).toBe('abc');
      await expect(box.take('/work/out/x', join(folder, 'y'), 2)).rejects.toBeInstanceOf(FarmError);
      await box.close();
    });

    it('ends a cancelled command within two seconds, and is closed twice without complaint', async () => {
      const box = await subject.backend.open(subject.order);
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 300);
      const started = performance.now();
      const exit = await box.run(subject.commands.hangs, () => undefined, stop.signal);
      expect(exit.ended).toBe('cancelled');
      expect(performance.now() - started).toBeLessThan(2300);
      await box.close();
      await box.close();
    });

    it('does not start what is cancelled already', async () => {
      const box = await subject.backend.open(subject.order);
      const exit = await box.run(subject.commands.hangs, () => undefined, AbortSignal.abort());
      expect(exit.ended).toBe('cancelled');
      await box.close();
    });

    it('stops at the time-out of the step', async () => {
      const box = await subject.backend.open(subject.order);
      const exit = await box.run({ ...subject.commands.hangs, msMax: 400 }, () => undefined, never());
      expect(exit.ended).toBe('timeout');
      await box.close();
    });
  });
}
