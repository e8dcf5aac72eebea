/** Images of the catalogue in this worker's Docker: found by key and root tar, else loaded from the root tar. */
import type Docker from 'dockerode';
import type { ImageInput } from '../orchestrator/contract/worker.ts';
import { asking } from './backend/docker-errors.ts';

export const labelKey = 'wheelfarm.key';

export interface ImageStore {
  /**
   * Docker's id of the image; null where it is not here. Foreign images carry no platform: only the id runs them.
   * An image of this key that was made of another tar is not it: provenance names the tar.
   */
  find(image: ImageInput): Promise<string | null>;
  /**
   * Loads the root tar where the image is not here; several calls at once load it once.
   * @errors FARM_DOCKER_DOWN, FARM_NO_SPACE
   */
  ensure(image: ImageInput, open: () => Promise<NodeJS.ReadableStream>): Promise<string>;
}

/** An image store over a Docker engine. */
export function imageStore(docker: Docker): ImageStore {
  const loading = new Map<string, Promise<string>>();
  const tars = new Map<string, string | null>();

  async function find(image: ImageInput): Promise<string | null> {
    const found = await asking('fetch', () => docker.listImages({ filters: { label: [`${labelKey}=${image.key}`] } }));
    for (const { Id } of found) if (await tarOf(Id) === `sha256:${image.tarSha256}`) return Id;
    return null;
  }

  /** The digest of an image's one layer, which is that of its uncompressed tar; an id always means the same layer. */
  async function tarOf(id: string): Promise<string | null> {
    const known = tars.get(id);
    if (known !== undefined) return known;
    const { RootFS } = await asking('fetch', () => docker.getImage(id).inspect());
    const layers = RootFS?.Layers ?? [];
    const tar = layers.length === 1 ? layers[0] ?? null : null;
    tars.set(id, tar);
    return tar;
  }

  async function load(image: ImageInput, open: () => Promise<NodeJS.ReadableStream>): Promise<string> {
    const tar = await open();
    return asking('fetch', async () => {
      const answer = await docker.importImage(tar, {
        repo: `wheelfarm/${image.name}`, tag: image.key.slice(0, 12), changes: [`LABEL ${labelKey}=${image.key}`],
      });
      return importedId(await textOf(answer));
    }, image.name);
  }

  return {
    find,
    async ensure(image, open) {
      const known = await find(image);
      if (known !== null) return known;
      const going = loading.get(image.tarSha256) ?? load(image, open).finally(() => loading.delete(image.tarSha256));
      loading.set(image.tarSha256, going);
      return going;
    },
  };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/**
 * The id in what Docker answers to an import: JSON objects, one a line, the last with `status: sha256:…`.
 * @errors throws with Docker's words where it says `error`
 */
export function importedId(text: string): string {
  let id: string | null = null;
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const said = JSON.parse(line) as { status?: string; error?: string };
    if (said.error !== undefined) throw new Error(said.error);
    if (said.status?.startsWith('sha256:')) id = said.status;
  }
  if (id === null) throw new Error(`the import of an image ended without an id: ${text.slice(0, 200)}`);
  return id;
}
