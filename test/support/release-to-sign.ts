import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, PlanRow } from '../../orchestrator/domain/plan.ts';
import type { FileToSign, Signer } from '../../orchestrator/ports.ts';

const digestOf = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const row: PlanRow = {
  target: 'cp311-manylinux_x86_64', python: '3.11', image: 'cross-debian-bookworm', build: 'native',
  testImage: 'test-x86_64', test: 'native', buildPool: 'linux', testPool: 'linux', floor: 'glibc 2.17',
  repair: 'auditwheel', imageKey: 'cross-debian-bookworm-1a2b', testImageKey: 'test-x86_64-3c4d',
};

/**
 * A small release on disk, as the signing step sees it: an sdist and two wheels with made-up bytes.
 * @shape marker: makes the bytes, and so the statements, differ between releases
 */
export async function aReleaseToSign(folder: string, marker: string): Promise<Parameters<Signer['signRelease']>[0]> {
  const names = [
    'demo-1.0.tar.gz',
    'demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl',
    'demo-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl',
  ];
  await mkdir(folder, { recursive: true });
  const files = await Promise.all(names.map(async (filename): Promise<FileToSign> => {
    const content = Buffer.from(`${filename} of ${marker}`);
    await writeFile(join(folder, filename), content);
    const wheel = filename.endsWith('.whl');
    return {
      filename,
      sha256: digestOf(content),
      kind: wheel ? 'wheel' : 'sdist',
      target: wheel ? row.target : null,
      attempt: wheel ? anAttempt(marker) : null,
    };
  }));
  const [sdist] = files;
  const plan: Plan = {
    format: 1, project: 'demo', displayName: 'demo', version: '1.0', builder: '0.1.0', cutoff: '2026-11-01T00:00:00Z',
    source: {
      origin: 'index', sdistSha256: sdist?.sha256 ?? '', sdistFilename: 'demo-1.0.tar.gz', sdistBytes: 100,
      sourceDateEpoch: 1_700_000_000, hasNativeSource: true, upstreamPure: false,
    },
    cells: [{ target: row.target, tier: 1, rows: [row] }],
  };
  return { plan, planSha256: digestOf(`plan of ${marker}`), buildId: `build-${marker}`, files };
}

const anAttempt = (marker: string): NonNullable<FileToSign['attempt']> => ({
  id: `attempt-${marker}`,
  attemptKey: digestOf(`attempt of ${marker}`),
  image: { name: row.image, key: row.imageKey, tarSha256: digestOf('image') },
  lock: [
    { name: 'setuptools', version: '80.9.0', filename: 'setuptools-80.9.0-py3-none-any.whl', sha256: digestOf('s') },
  ],
  logSha256: digestOf('log'),
  sbomSha256: digestOf('sbom'),
  startedAt: '2026-11-21T08:00:00.000Z',
  endedAt: '2026-11-21T08:00:09.000Z',
  worker: 'worker-1',
});
