import type { BuildWait } from '../contract/api.ts';
import type { Workflows } from '../ports.ts';
import { orderOf } from './builds-plan.ts';
import type { Database } from './prisma/database.ts';

/** `build.linux-amd64` is the queue of builds of the pool `linux-amd64`. */
const poolOf = (queue: string): string => queue.slice(queue.indexOf('.') + 1);

/**
 * The open cells of a build whose pool has no worker, with the pool's name: nothing happens to them until one comes.
 * A cell that is being built has had its worker; only what waits is looked at.
 */
export async function waitsOf({ prisma }: Database, workflows: Pick<Workflows, 'workersOf'>, buildId: string): Promise<readonly BuildWait[]> {
  const build = await prisma.build.findUnique({ where: { id: buildId } });
  if (build?.state !== 'running') return [];
  const { queues, scout, chains } = await orderOf(prisma, buildId);
  const queued = new Set((await prisma.cell.findMany({
    where: { planSha256: build.planSha256, state: 'queued' }, select: { target: true },
  })).map(({ target }) => target));
  const cells = [...scout ? [scout] : [], ...chains.flat()].filter(([target]) => queued.has(target));
  const asked = [...new Set(cells.map(([, queue]) => queue))];
  const workers = new Map(await Promise.all(asked.map(async (queue) => [queue, await workflows.workersOf(poolOf(queues[queue] ?? ''))] as const)));
  return cells.filter(([, queue]) => workers.get(queue) === 0).map(([target, queue]) => {
    const pool = poolOf(queues[queue] ?? '');
    return { target, pool, why: `waits: no worker of pool ${pool} is connected. Start one: ./farm worker --pool ${pool}` };
  });
}
