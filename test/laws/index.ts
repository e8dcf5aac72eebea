import { beforeEach, describe, expect, it } from 'vitest';
import type { FileToPublish, Index } from '../../orchestrator/ports.ts';

export interface IndexUnderTest {
  readonly index: Index;
  /** What a reader of the project's page sees: filename → digest; null where there is no page. */
  listed(project: string): Promise<Readonly<Record<string, string>> | null>;
  /** All that the index keeps, as one comparable value. */
  world(): Promise<unknown>;
}

let count = 0;
const digest = (): string => (count += 1).toString(16).padStart(64, '0');

const wheel = (name: string, python: string): FileToPublish => ({
  filename: `${name}-1.0-${python}-none-any.whl`, sha256: digest(), bytes: 10, kind: 'wheel', requiresPython: '>=3.9',
  metadataSha256: digest(), target: null, attemptId: null,
});
const sdist = (name: string): FileToPublish => ({ ...wheel(name, 'x'), filename: `${name}-1.0.tar.gz`, kind: 'sdist', metadataSha256: null });

const order = (name: string, files: readonly FileToPublish[]): Parameters<Index['publish']>[0] =>
  ({ project: name, displayName: name, version: '1.0', buildId: 'build', files });

/** The laws of port Index. `make` gives an empty index. */
export function indexLaws(make: () => Promise<IndexUnderTest>): void {
  describe('port Index', () => {
    let it_: IndexUnderTest;
    beforeEach(async () => { it_ = await make(); });

    it('lists every file of a publish, the sdist too', async () => {
      const files = [wheel('demo', 'py3'), sdist('demo')];
      const { serial } = await it_.index.publish(order('demo', files));
      expect(serial).toBe(1);
      expect(await it_.listed('demo')).toEqual(Object.fromEntries(files.map((file) => [file.filename, file.sha256])));
      expect(await it_.index.published('demo', '1.0')).toEqual(files.map((file) => file.filename).sort());
      expect(await it_.index.published('demo', '2.0')).toEqual([]);
    });

    it('changes nothing when the same is published again', async () => {
      const files = [wheel('demo', 'py3'), sdist('demo')];
      const first = await it_.index.publish(order('demo', files));
      const before = await it_.world();
      const second = await it_.index.publish(order('demo', files));
      expect(second.serial).toBe(first.serial);
      expect(await it_.world()).toEqual(before);
    });

    it('adds only what is new', async () => {
      const [early, late] = [wheel('demo', 'cp311'), wheel('demo', 'cp313')];
      await it_.index.publish(order('demo', [early]));
      const { serial } = await it_.index.publish(order('demo', [early, late]));
      expect(serial).toBe(2);
      expect(Object.keys(await it_.listed('demo') ?? {})).toHaveLength(2);
    });

    it('refuses other bytes under a published filename, and all that came with them', async () => {
      const file = wheel('demo', 'py3');
      await it_.index.publish(order('demo', [file]));
      const before = await it_.world();
      const wrong = [wheel('demo', 'cp311'), { ...file, sha256: digest() }];
      await expect(it_.index.publish(order('demo', wrong))).rejects.toMatchObject({ failure: { code: 'FARM_PUBLISH_CONFLICT' } });
      expect(await it_.world()).toEqual(before);
    });

    it('refuses one filename twice with different bytes in one call', async () => {
      const file = wheel('demo', 'py3');
      await expect(it_.index.publish(order('demo', [file, { ...file, sha256: digest() }])))
        .rejects.toMatchObject({ failure: { code: 'FARM_PUBLISH_CONFLICT' } });
      expect(await it_.listed('demo')).toBeNull();
    });

    it('counts serials without gaps when many publish at once', async () => {
      const names = Array.from({ length: 12 }, (_, at) => `demo${at}`);
      const answers = await Promise.all(names.map((name) => it_.index.publish(order(name, [wheel(name, 'py3')]))));
      expect(answers.map((answer) => answer.serial).sort((a, b) => a - b)).toEqual(names.map((_, at) => at + 1));
    });
  });
}
