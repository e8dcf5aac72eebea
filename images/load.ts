/** Loads made images into Docker, under a name that carries their key. */
import type Docker from 'dockerode';
import { imageConfig, loadLayer, type ImageSettings } from './docker.ts';
import { architectureOf } from './recipes.ts';
import type { ImageRecord } from './types.ts';

/** Docker's name of an image: wheelfarm/<name>:<first 12 hex digits of the key>. */
export const imageTag = (record: { name: string; key: string }): string => `wheelfarm/${record.name}:${record.key.slice(0, 12)}`;

function settingsOf(record: ImageRecord): ImageSettings {
  const architecture = architectureOf(record);
  return {
    tag: imageTag(record), architecture: architecture.docker,
    ...(architecture.dockerVariant ? { variant: architecture.dockerVariant } : {}),
    environment: ['PATH=/usr/local/bin:/usr/bin:/bin', 'LC_ALL=C.UTF-8', ...architecture.imageEnvironment ?? []],
    labels: { 'wheelfarm.key': record.key, 'wheelfarm.image': record.name },
  };
}

/**
 * Loads an image unless Docker has this very one; returns Docker's name of it.
 * The name is enough to start it, whatever its architecture: its configuration states the right one.
 * @errors when Docker does not answer or refuses the tar
 */
export async function loadImage(record: ImageRecord, docker: Docker): Promise<string> {
  const layer = { path: record.tarPath, bytes: record.bytes, sha256: record.tarSha256 };
  const settings = settingsOf(record);
  const { id } = imageConfig(layer, settings);
  const there = await docker.getImage(settings.tag).inspect().then((found) => found.Id, () => undefined);
  if (there !== id) await loadLayer(docker, layer, settings);
  return settings.tag;
}
