/** The few things images need of Docker: load a tar as an image, and work in a throw-away container. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { finished, pipeline } from 'node:stream/promises';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { pack, type Pack } from 'tar-stream';
import { ownMark } from './owner.ts';
import { makingLabel } from './sweep.ts';

export interface Layer { readonly path: string; readonly bytes: number; readonly sha256: string }

export interface ImageSettings {
  readonly tag: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Docker's own id of an image of one layer, and the configuration it is the digest of. */
export function imageConfig(layer: Layer, settings: ImageSettings): { id: string; text: string } {
  const text = JSON.stringify({
    architecture: settings.architecture, ...(settings.variant ? { variant: settings.variant } : {}), os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { Env: settings.environment, Labels: settings.labels, WorkingDir: '/work', Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer.sha256}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'wheelfarm' }],
  });
  return { id: `sha256:${createHash('sha256').update(text).digest('hex')}`, text };
}

/** Loads one layer as an image with its true architecture (which an import leaves at the host's). */
export async function loadLayer(docker: Docker, layer: Layer, settings: ImageSettings, signal?: AbortSignal): Promise<string> {
  const { id, text } = imageConfig(layer, settings);
  const config = `${id.slice(7)}.json`;
  const archive = pack();
  const answer = docker.loadImage(archive as unknown as NodeJS.ReadableStream, { quiet: true });
  archive.entry({ name: config }, text);
  archive.entry({ name: 'manifest.json' },
    JSON.stringify([{ Config: config, RepoTags: [settings.tag], Layers: ['layer.tar'] }]));
  try {
    await pipeline(createReadStream(layer.path), archive.entry({ name: 'layer.tar', size: layer.bytes }), signal ? { signal } : {});
  } catch (error) {
    archive.destroy(error as Error); // Docker drops what it has of a body that is cut off
    await answer.catch(() => undefined);
    throw error;
  }
  archive.finalize();
  const said = await readAll(await answer as unknown as Readable);
  if (/"error"/.test(said)) throw new Error(`Docker refused ${settings.tag}: ${said.slice(0, 500)}`);
  return id;
}

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** A running container that can be filled, used and thrown away. */
export interface Workbench {
  readonly put: (tar: Readable | Pack, folder: string) => Promise<void>;
  /** Runs a command; standard output goes to `out`, each line of standard error to `onLine`. Throws when it fails. */
  readonly run: (command: readonly string[], options?: {
    out?: NodeJS.WritableStream; onLine?: (line: string) => void; environment?: readonly string[];
  }) => Promise<void>;
  /** Writes the whole file system as one tar. */
  readonly exportTo: (out: NodeJS.WritableStream) => Promise<void>;
}

/** Gives `work` a container of `image` and removes it whatever happens. */
export async function withContainer<T>(
  docker: Docker, image: string, settings: Docker.HostConfig, signal: AbortSignal | undefined,
  work: (bench: Workbench) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const container = await docker.createContainer({
    Image: image, Cmd: ['/bin/sleep', '7200'], Labels: { [makingLabel]: ownMark() }, HostConfig: { Init: true, ...settings },
  });
  const remove = async (): Promise<void> => { await container.remove({ force: true }).catch(() => undefined); };
  signal?.addEventListener('abort', remove);
  try {
    await container.start();
    const result = await work({
      put: async (tar, folder) => { await container.putArchive(tar as unknown as NodeJS.ReadableStream, { path: folder }); },
      run: (command, options) => execute(container, command, options ?? {}),
      exportTo: async (out) => pipeline(await container.export(), out),
    });
    signal?.throwIfAborted();
    return result;
  } finally {
    signal?.removeEventListener('abort', remove);
    await remove();
  }
}

type RunOptions = NonNullable<Parameters<Workbench['run']>[1]>;

async function execute(container: Docker.Container, command: readonly string[], options: RunOptions): Promise<void> {
  const exec = await container.exec({
    Cmd: [...command], AttachStdout: true, AttachStderr: true, Env: [...options.environment ?? []],
  });
  const stream = await exec.start({ hijack: true, stdin: false });
  let tail = '';
  let rest = '';
  for await (const frame of frames(stream)) {
    if (frame.source === 'out') {
      if (options.out && !options.out.write(frame.bytes)) await once(options.out, 'drain');
      continue;
    }
    const text = frame.bytes.toString();
    tail = (tail + text).slice(-4000);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach((line) => options.onLine?.(line));
  }
  options.out?.end();
  if (options.out) await finished(options.out);
  const { ExitCode: code } = await exec.inspect();
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} ended with ${String(code)}: ${tail}`);
}

/** Docker's multiplexed stream, frame by frame: dockerode's own demultiplexer ignores a slow reader. */
async function* frames(stream: Readable): AsyncGenerator<{ source: 'out' | 'error'; bytes: Buffer }> {
  let source: 'out' | 'error' = 'out';
  let header = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const taken = chunk.subarray(at, at + 8 - header.length);
        header = Buffer.concat([header, taken]);
        at += taken.length;
        if (header.length < 8) break;
        source = header[0] === 2 ? 'error' : 'out';
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const bytes = chunk.subarray(at, at + left);
      at += bytes.length;
      left -= bytes.length;
      yield { source, bytes };
    }
  }
}
