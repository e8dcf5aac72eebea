import { releaseWorkflowId, sdistWorkflowId } from '../contract/messages.ts';
import { failure } from '../domain/failure.ts';
import { startWorkflow, type BuildPorts } from './builds.ts';

const sweepMs = 30_000;
const collectMs = 60 * 60_000;
/** A workflow that ends and the row that it wrote just before are not seen at the same moment. */
const settleMs = 60_000;
const rowsAtOnce = 200;

/**
 * Starts what has a row and no workflow, asks again for cancels that did not arrive, and ends what has lost its
 * workflow for good. Sweeps at once and every 30 seconds, collects blobs every hour; the answer stops it.
 * @shape more: sweeps of other parts, at the same times
 */
export function startSweeper(
  ports: BuildPorts, onError: (error: unknown) => void, more: readonly (() => Promise<void>)[] = [],
): () => void {
  let busy = false;
  const turn = (): void => {
    if (busy) return;
    busy = true;
    Promise.allSettled([sweep(ports), ...more.map((one) => one())])
      .then((all) => { for (const one of all) if (one.status === 'rejected') onError(one.reason); })
      .finally(() => { busy = false; });
  };
  turn();
  const timers = [
    setInterval(turn, sweepMs),
    setInterval(() => void ports.blobs.collect(ports.clock.now()).catch(onError), collectMs),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

/** One sweep. */
export async function sweep(ports: BuildPorts): Promise<void> {
  const { database: { prisma }, workflows, records, clock } = ports;
  const before = new Date(clock.now().getTime() - settleMs);
  const builds = await prisma.build.findMany({ where: { state: 'running' }, orderBy: { startedAt: 'asc' }, take: rowsAtOnce });
  for (const { id, workflowStartedAt, cancelRequestedAt } of builds) {
    if (cancelRequestedAt && !workflowStartedAt) await records.endBuild(id, 'cancelled');
    else if (!workflowStartedAt) await startWorkflow(ports, id);
    else if (cancelRequestedAt && await workflows.isOpen(releaseWorkflowId(id))) await workflows.cancelRelease(id);
    else if (workflowStartedAt < before && !await workflows.isOpen(releaseWorkflowId(id))) await endLost(ports, id, cancelRequestedAt !== null);
  }
  const sources = await prisma.source.findMany({ where: { state: 'making', createdAt: { lt: before } }, take: rowsAtOnce });
  for (const { id } of sources) {
    if (await workflows.isOpen(sdistWorkflowId(id))) continue;
    await workflows.startSdist(id);
    if (!await workflows.isOpen(sdistWorkflowId(id))) await records.recordSdistFailure(id, lost('sdist'));
  }
}

/** A server that lost its state takes the id again; one that knows it as closed does not. */
async function endLost({ database, workflows, records }: BuildPorts, id: string, cancelled: boolean): Promise<void> {
  if (cancelled) return records.endBuild(id, 'cancelled');
  await database.prisma.build.updateMany({ where: { id }, data: { workflowStartedAt: null } });
  await startWorkflow({ database, workflows }, id);
  if (await workflows.isOpen(releaseWorkflowId(id))) return;
  await records.endBuild(id, 'failed', lost('publish'));
}

const lost = (step: 'sdist' | 'publish') =>
  failure('FARM_INTERNAL', step, { why: 'the workflow ended without a result' });
