/** Wheels for Windows and macOS, built here: what is right is published and says that nothing ran it; what is wrong is refused. */
import { beforeAll, describe, expect, it } from 'vitest';
import { buildAnimal } from '../support/build.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import { animals, type Animal } from '../zoo/animals.ts';

interface Result {
  readonly index: string;
  readonly cells: readonly { target: string; state: string; tested: string | null; wheel: string | null }[];
}

const targets = ['cp313-win_amd64', 'cp313-win_arm64', 'cp313-macosx_x86_64', 'cp313-macosx_arm64'];
let farm: TestFarm;
let said: Said;
let result: Result;

// The first build of such a target makes its image: some minutes of zig's runtime.
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
  said = await farm.farm(['build', 'markupsafe==3.0.2', '--targets', ...targets, '--json']);
  result = JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '{}') as Result;
}, 25 * 60_000);

describe('./farm build markupsafe==3.0.2 for Windows and macOS', () => {
  it('publishes four native wheels and says that nothing could run them', () => {
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(Object.fromEntries(result.cells.map((cell) => [cell.target, `${cell.state} ${cell.tested} ${cell.wheel}`]))).toEqual({
      'cp313-win_amd64': 'succeeded no-runner markupsafe-3.0.2-cp313-cp313-win_amd64.whl',
      'cp313-win_arm64': 'succeeded no-runner markupsafe-3.0.2-cp313-cp313-win_arm64.whl',
      'cp313-macosx_x86_64': 'succeeded no-runner markupsafe-3.0.2-cp313-cp313-macosx_10_13_x86_64.whl',
      'cp313-macosx_arm64': 'succeeded no-runner markupsafe-3.0.2-cp313-cp313-macosx_11_0_arm64.whl',
    });
  });
});

describe('what is wrong for a target', () => {
  const bad: readonly (readonly [what: string, target: string, animal: Animal, code: string])[] = [
    ['an object of the build machine', 'cp313-macosx_arm64', animals.wrongMachine, 'FARM_AUDIT_MACHINE'],
    ['an empty object', 'cp313-macosx_arm64', animals.emptyObject, 'FARM_WHEEL_BROKEN'],
    ['a tag of another machine', 'cp313-macosx_arm64', animals.wrongTag, 'FARM_WHEEL_TAG'],
    ['a build that starts what it compiled', 'cp313-win_amd64', animals.runsWhatItCompiled, 'FARM_RUNS_TARGET_CODE'],
  ];

  it.each(bad)('%s (%s)', { timeout: 120_000 }, async (_what, target, animal, code) => {
    const { build, cell } = await buildAnimal(farm, animal, { targets: [target] });
    expect({ state: cell.state, code: cell.failure?.code }, JSON.stringify(cell)).toEqual({ state: 'failed', code });
    expect(build.published).toEqual([]);
  });
});
