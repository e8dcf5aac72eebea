/** `./farm build --with-deps`: requirements without a wheel are built first, in order. */
import type { BuildRequest, BuildView, PlanView } from '../contract/api.ts';
import { FarmError, failure } from '../domain/failure.ts';

/** How it asks the farm, and how it waits for a build to end. */
export interface DepsPorts {
  readonly plan: (request: BuildRequest) => Promise<PlanView>;
  readonly build: (request: BuildRequest) => Promise<BuildView>;
  readonly say: (line: string) => void;
}

const depthMax = 30;

/**
 * Builds what blocks a request, and what blocks that, lowest first. What is still blocked afterwards is said by the
 * build itself.
 * @param above the projects whose requirements are looked at, outermost first
 * @errors FARM_DEPENDENCY_CYCLE; FARM_DEPENDENCY_FAILED where the build of a requirement did not succeed
 */
export async function buildDeps(ports: DepsPorts, request: BuildRequest, above: readonly string[] = []): Promise<void> {
  const plan = await ports.plan(request);
  const path = [...above, plan.project];
  for (const [name, targets] of blockers(plan)) {
    const chain = [...path, name].join(' → ');
    if (path.includes(name)) throw new FarmError(failure('FARM_DEPENDENCY_CYCLE', 'plan', { chain }));
    if (path.length > depthMax) throw new FarmError(failure('FARM_DEPENDENCY_FAILED', 'plan', { name, chain, why: 'the chain is too long' }));
    const wanted: BuildRequest = { what: name, targets: [...targets] };
    await buildDeps(ports, wanted, path);
    ports.say(`building ${name} first, for ${targets.join(', ')} (${chain})`);
    const built = await ports.build(wanted);
    if (built.state !== 'succeeded') {
      const why = built.cells.find((cell) => cell.failure)?.failure?.message ?? built.failure?.message ?? built.state;
      throw new FarmError(failure('FARM_DEPENDENCY_FAILED', 'plan', { name, chain, why }));
    }
  }
}

/** What blocks the cells of a plan: requirement and the targets that it lacks, each once. Pure. */
export function blockers(plan: Pick<PlanView, 'cells'>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { state, why } of plan.cells) {
    const match = state === 'blocked' ? /^blocked by (\S+) \(no (\S+) wheel\)/.exec(why ?? '') : null;
    if (!match) continue;
    const [, name = '', target = ''] = match;
    const targets = found.get(name) ?? [];
    if (!targets.includes(target)) found.set(name, [...targets, target]);
  }
  return found;
}
