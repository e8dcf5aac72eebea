/** A root file system of a few MB for tests of the Docker backend: the host's own shell and core tools. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ImageInput } from '../../orchestrator/contract/worker.ts';
import { digestOf } from '../../workers/input-cache.ts';

const tools = [
  'bash', 'sh', 'tar', 'cat', 'head', 'tail', 'sleep', 'mkdir', 'df', 'id', 'ls', 'ln', 'rm', 'touch', 'setsid', 'chmod', 'mkfifo', 'yes',
];

export interface TinyImage { readonly image: ImageInput; readonly tar: string; remove(): void }

/** Packs the tools with the libraries that they load. The key names the tar, so that an old image is not taken for it. */
export async function tinyImage(): Promise<TinyImage> {
  const folder = mkdtempSync(join(tmpdir(), 'wheelfarm-tiny-'));
  const root = join(folder, 'root');
  for (const name of ['bin', 'etc', 'tmp', 'work', 'proc', 'sys', 'dev', 'usr/bin', 'etc/ssl/certs']) mkdirSync(join(root, name), { recursive: true });
  for (const tool of tools) {
    const path = execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
    copyFileSync(path, join(root, 'bin', tool));
    for (const [library = ''] of execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/\/\S+/g)) {
      const to = join(root, library);
      if (existsSync(to)) continue;
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(library, to);
    }
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nfarm:x:1000:1000::/work:/bin/sh\n');
  const tar = join(folder, 'root.tar');
  execFileSync('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@315532800', '-C', root, '-cf', tar, '.']);
  const { sha256, bytes } = await digestOf(tar);
  return {
    tar, image: { name: 'test-tiny', key: sha256, tarSha256: sha256, bytes },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
