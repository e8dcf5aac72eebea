import { fail } from '../../domain/failure.ts';
import type { Attempts, Tallies } from '../../ports.ts';
import type { Database } from './database.ts';
import { followLog, type LogPorts } from './logs.ts';
import { attemptView, cellInputs } from './views.ts';

/** Port Attempts. */
export const prismaAttempts = (ports: LogPorts): Attempts => ({
  view: (id) => attemptView(ports.database, id),
  log: (id, from) => followLog(ports, id, from),
  inputs: (buildId, target) => cellInputs(ports.database, buildId, target),
  async input(buildId, target, sha256) {
    const { image, source } = await cellInputs(ports.database, buildId, target);
    if (![image.tarSha256, source.sha256].includes(sha256)) fail('FARM_NOT_FOUND', 'build', { thing: `input ${sha256} of this cell` });
    return { bytes: await ports.blobs.size(sha256), stream: await ports.blobs.stream(sha256) };
  },
});

/** Port Tallies. */
export const prismaTallies = ({ prisma }: Database): Tallies => ({
  async count() {
    const [projects, files, openBuilds, head] = await Promise.all([
      prisma.project.count(), prisma.file.count(), prisma.build.count({ where: { state: 'running' } }),
      prisma.indexHead.findUnique({ where: { id: 1 } }),
    ]);
    return { projects, files, openBuilds, serial: Number(head?.serial ?? 0) };
  },
});
