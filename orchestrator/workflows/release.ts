import { ActivityFailure, ApplicationFailure, CancellationScope, continueAsNew, isCancellation, rootCause } from '@temporalio/workflow';
import { limits } from '../contract/limits.ts';
import type { CellAnswer, CellRef, ReleaseOrder } from '../contract/messages.ts';
import { buildOn, control, testOn } from './proxies.ts';

/**
 * Fans one build out to its cells, then signs and publishes. States are recorded by the activities; the workflow only
 * sequences: the scout alone, then a chain for each platform, `limits.cellsInFlightMax` cells at a time.
 */
export async function release(order: ReleaseOrder): Promise<void> {
  try {
    const left = await fanOut({ ...order, chains: await scoutFirst(order) });
    if (left.length > 0) await continueAsNew<typeof release>({ ...order, scout: null, chains: left });
    await control.attest({ buildId: order.buildId });
    await control.publish({ buildId: order.buildId });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => control.cancelled({ buildId: order.buildId }));
    throw error;
  }
}

/** The chains without what the scout's wheel covers. */
async function scoutFirst(order: ReleaseOrder): Promise<(readonly CellRef[])[]> {
  const { scout, chains } = order;
  if (!scout) return [...chains];
  const open = new Set(await leadCell(order, scout, chains.flat()));
  return chains.map((chain) => chain.filter((cell) => open.has(cell))).filter((chain) => chain.length > 0);
}

/** Chains that did not fit into this history; the others have ended. */
async function fanOut(order: ReleaseOrder): Promise<(readonly CellRef[])[]> {
  const [now, later] = split(order.chains, limits.cellsPerHistoryMax);
  const waiting = [...now];
  const lane = async (): Promise<void> => {
    for (let chain = waiting.shift(); chain; chain = waiting.shift()) await runChain(order, chain);
  };
  await Promise.all(Array.from({ length: Math.min(limits.cellsInFlightMax, now.length) }, lane));
  return later;
}

/** One platform: its lowest Python first, because that wheel may cover the others. */
async function runChain(order: ReleaseOrder, chain: readonly CellRef[]): Promise<void> {
  const [first, ...rest] = chain;
  if (!first) return;
  // Each promise of a workflow costs what a small request costs: a platform of one Python needs no others.
  if (rest.length === 0) return void await runCell(order, first);
  const open = await leadCell(order, first, rest);
  await Promise.all(open.map((cell) => runCell(order, cell)));
}

/** Builds a cell whose wheel may serve others; answers those that are still to build. */
async function leadCell(order: ReleaseOrder, cell: CellRef, others: readonly CellRef[]): Promise<readonly CellRef[]> {
  const answer = await runCell(order, cell);
  if (answer.state === 'cancelled' || !answer.wide || others.length === 0) return others;
  const open = new Set(await control.cover({ buildId: order.buildId, targets: others.map(([target]) => target) }));
  return others.filter(([target]) => open.has(target));
}

/** One cell is three activities: build, describe, test. A farm failure that outlives its deliveries is recorded. */
async function runCell({ buildId, queues }: ReleaseOrder, [target, buildAt, testAt]: CellRef): Promise<CellAnswer> {
  const testQueue = queues[testAt];
  let step: 'build' | 'describe' | 'test' = 'build';
  try {
    const built = await buildOn(queues[buildAt] ?? '').build({ buildId, target });
    if (built.state !== 'succeeded') return built;
    step = 'describe';
    const described = await control.describe({ buildId, target });
    if (described.state !== 'succeeded' || !testQueue) return described;
    step = 'test';
    await testOn(testQueue).test({ buildId, target });
    return described;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    await control.giveUp({ buildId, target, step, ...causeOf(error) });
    return { state: 'failed', wide: false };
  }
}

/** The failure code and words of the last delivery. */
function causeOf(error: ActivityFailure): { code: string; why: string } {
  const { cause } = error;
  if (cause instanceof ApplicationFailure) return { code: cause.type ?? 'FARM_INTERNAL', why: cause.message };
  return { code: 'FARM_WORKER_LOST', why: rootCause(error) ?? 'no answer' };
}

/** The first chains that hold at most `cellsMax` cells together, and the others; at least one chain goes now. */
function split<T>(chains: readonly (readonly T[])[], cellsMax: number): [(readonly T[])[], (readonly T[])[]] {
  let cells = 0;
  const at = chains.findIndex((chain, index) => (cells += chain.length) > cellsMax && index > 0);
  return at < 0 ? [[...chains], []] : [chains.slice(0, at), chains.slice(at)];
}
