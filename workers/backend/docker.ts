/** The backend that runs boxes in Docker, through dockerode. */
import type Docker from 'dockerode';
import { limits } from '../../orchestrator/contract/limits.ts';
import { fail } from '../../orchestrator/domain/failure.ts';
import { imageStore } from '../image-store.ts';
import { containerOptions, labelWorker } from './box-spec.ts';
import { dockerBox } from './docker-box.ts';
import { asking, dockerFailure } from './docker-errors.ts';
import type { HostNetwork } from './host-network.ts';
import type { Backend, BoxOrder } from './types.ts';

export interface DockerOptions {
  readonly docker: Docker;
  readonly workerId: string;
  readonly farmId: string;
  /** The host's index addresses, proxies and certificates, for fetch boxes. */
  readonly network: HostNetwork;
}

/** Boxes that wait started; the oldest goes when there are more. */
const idleMax = 4;
const idleMsMax = 10 * 60 * 1000;

/** What makes one waiting box as good as another. */
const orderKey = ({ image, kind, limits: of }: BoxOrder): string =>
  [image.key, kind, of.memoryBytes, of.workBytes, of.pidsMax].join(' ');

/**
 * A backend over a Docker engine. Every container carries the labels `wheelfarm.farm` and `wheelfarm.worker`.
 * @errors FARM_DOCKER_DOWN, FARM_IMAGE_MISSING, FARM_NO_SPACE, FARM_CONTAINER_BROKE
 */
export function dockerBackend({ docker, workerId, farmId, network }: DockerOptions): Backend {
  const images = imageStore(docker);
  const idle = new Map<string, Promise<Docker.Container>>();

  async function create(order: BoxOrder): Promise<Docker.Container> {
    const imageId = await images.find(order.image);
    if (imageId === null) fail('FARM_IMAGE_MISSING', 'fetch', { image: order.image.name });
    return asking('fetch', async () => {
      const container = await docker.createContainer(
        containerOptions(order, imageId, { farmId, workerId }, network, limits.cellCpus));
      try {
        await container.start();
      } catch (error) {
        await discard(container);
        throw error;
      }
      return container;
    }, order.image.name);
  }

  const discard = (container: Docker.Container): Promise<void> =>
    container.remove({ force: true, v: true }).then(() => undefined, () => undefined);

  /** The waiting container, where there is one that still runs. */
  async function waiting(key: string): Promise<Docker.Container | null> {
    const made = idle.get(key);
    if (made === undefined) return null;
    idle.delete(key);
    const container = await made.catch(() => null);
    if (container === null) return null;
    const running = await container.inspect().then(({ State: state }) => state.Running, () => false);
    if (!running) await discard(container);
    return running ? container : null;
  }

  return {
    ready: () => docker.ping().then(
      () => ({ ok: true }) as const,
      (error: unknown) => ({ ok: false, why: dockerFailure(error, 'fetch').message }) as const,
    ),
    async ensureImage(image, open) {
      await images.ensure(image, open);
    },
    async open(order) {
      return dockerBox((await waiting(orderKey(order))) ?? (await create(order)), docker, order);
    },
    prepare(order) {
      const key = orderKey(order);
      if (idle.has(key)) return;
      const made = create(order);
      made.catch(() => idle.get(key) === made && idle.delete(key));
      idle.set(key, made);
      setTimeout(() => {
        if (idle.get(key) === made && idle.delete(key)) void made.then(discard, () => undefined);
      }, idleMsMax).unref();
      const [oldest, oldestMade] = idle.entries().next().value!;
      if (idle.size <= idleMax) return;
      idle.delete(oldest);
      void oldestMade.then(discard, () => undefined);
    },
    async closeAll() {
      const going = [...idle.values()];
      idle.clear();
      await Promise.allSettled(going);
      const mine = await asking('fetch', () =>
        docker.listContainers({ all: true, filters: { label: [`${labelWorker}=${workerId}`] } }));
      await Promise.all(mine.map(({ Id: id }) => discard(docker.getContainer(id))));
    },
  };
}
