/** How a box is fenced: the options of its container. Pure. */
import type { ContainerCreateOptions } from 'dockerode';
import type { BoxOrder } from './types.ts';
import type { HostNetwork } from './host-network.ts';

/** The user of every step. */
export const stepUser = '1000:1000';
const caInBox = '/etc/ssl/certs/ca-certificates.crt';
const MiB = 1024 * 1024;

export interface Owner { readonly farmId: string; readonly workerId: string }
export const labelFarm = 'wheelfarm.farm';
export const labelWorker = 'wheelfarm.worker';

/**
 * Options of a box's container. Process 1 sleeps as root without a capability, so that a step (user 1000) can neither
 * signal it nor end the box; steps are `exec`. Memory has no swap, and the tmpfs folders count as memory.
 */
export function containerOptions(
  order: BoxOrder, imageId: string, owner: Owner, network: HostNetwork, cpus: number,
): ContainerCreateOptions {
  const fetches = order.kind === 'fetch';
  const tmpfs = (bytes: number, rest: string) => `rw,exec,nosuid,nodev,size=${bytes},${rest}`;
  return {
    Image: imageId,
    Cmd: ['sleep', 'infinity'],
    Entrypoint: [],
    User: '0:0',
    Hostname: 'cell',
    WorkingDir: '/',
    Env: boxEnvironment(order, network),
    NetworkDisabled: !fetches,
    Labels: { [labelFarm]: owner.farmId, [labelWorker]: owner.workerId, 'wheelfarm.kind': order.kind },
    HostConfig: {
      NetworkMode: fetches ? network.mode : 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: order.limits.pidsMax,
      Memory: order.limits.memoryBytes,
      MemorySwap: order.limits.memoryBytes,
      NanoCpus: cpus * 1e9,
      Init: true,
      LogConfig: { Type: 'none', Config: {} },
      Tmpfs: {
        '/work': tmpfs(order.limits.workBytes, 'uid=1000,gid=1000,mode=755'),
        '/tmp': tmpfs(Math.min(64 * MiB, order.limits.workBytes), 'mode=1777'),
      },
      Binds: fetches && network.caBundlePath !== null ? [`${network.caBundlePath}:${caInBox}:ro`] : [],
    },
  };
}

function boxEnvironment(order: BoxOrder, network: HostNetwork): string[] {
  const base = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/work/home', TMPDIR: '/work/tmp',
    LC_ALL: 'C.UTF-8', TZ: 'UTC',
  };
  const certificates = network.caBundlePath === null ? {}
    : { SSL_CERT_FILE: caInBox, REQUESTS_CA_BUNDLE: caInBox, PIP_CERT: caInBox };
  const all = order.kind === 'fetch' ? { ...base, ...network.environment, ...certificates } : base;
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
