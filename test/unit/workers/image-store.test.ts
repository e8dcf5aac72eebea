import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { expect, it } from 'vitest';
import { imageStore } from '../../../workers/image-store.ts';

const [key, tar, other] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];
const image = { name: 'cross', key, tarSha256: tar, bytes: 1 };

/** An engine with images of one key, each made of one tar; an import adds one. */
function engineWith(tars: string[]): { docker: Docker; imports: () => number } {
  let imports = 0;
  const docker = {
    listImages: async () => tars.map((_, at) => ({ Id: `id-${at}` })),
    getImage: (id: string) => ({ inspect: async () => ({ RootFS: { Layers: [`sha256:${tars[Number(id.slice(3))]}`] } }) }),
    importImage: async () => {
      imports += 1;
      return Readable.from([`{"status":"sha256:id-${tars.push(tar) - 1}"}\n`]);
    },
  };
  return { docker: docker as unknown as Docker, imports: () => imports };
}
const noTar = async (): Promise<NodeJS.ReadableStream> => Promise.reject(new Error('nothing is to be loaded'));

it('finds the image of a key that was made of the tar', async () => {
  const { docker } = engineWith([other, tar]);
  expect(await imageStore(docker).ensure(image, noTar)).toBe('id-1');
});

it('does not take an image of the same key that was made of another tar', async () => {
  const { docker, imports } = engineWith([other]);
  const store = imageStore(docker);
  expect(await store.find(image)).toBeNull();
  await Promise.all([store.ensure(image, async () => Readable.from(['x'])), store.ensure(image, async () => Readable.from(['x']))]);
  expect([imports(), await store.find(image)]).toEqual([1, 'id-1']);
});
