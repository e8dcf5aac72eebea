/**
 * Writes pypa/pinned.json: the upstream images with their digests and the interpreters in them, as the newest
 * cibuildwheel has them. On the command line: node images/pin.ts [VERSION of cibuildwheel]
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runCommand } from './command.ts';
import { imagesFolder } from './recipes.ts';
import type { Pinned } from '../orchestrator/domain/pypa.ts';

interface Platforms { readonly linux: { readonly python_configurations: readonly { identifier: string; version: string; path_str: string }[] } }

/**
 * What pypa/pinned.json says, from two files of cibuildwheel. Pure.
 * @param images text of resources/pinned_docker_images.cfg
 * @param platforms text of resources/build-platforms.toml
 * @errors where a file has another shape than expected
 */
export function pinnedOf(version: string, images: string, platforms: string): Pinned {
  const found: Record<string, string> = {};
  for (const [, reference, name] of images.matchAll(/^\w+\s*=\s*(\S+?\/(\w+)@sha256:[0-9a-f]{64})/gm)) found[name!] = reference!;
  const pythons = (parse(platforms) as unknown as Platforms).linux.python_configurations
    .map(({ identifier, version: python, path_str: folder }) => ({ target: identifier, python, folder }));
  if (Object.keys(found).length < 10 || pythons.length < 50) throw new Error(`cibuildwheel ${version} lists its images in another way`);
  return { cibuildwheel: version, images: Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1))), pythons };
}

if (import.meta.main) {
  const [version] = process.argv.slice(2);
  const folder = await mkdtemp(join(tmpdir(), 'farm-pin-'));
  try {
    await runCommand('python3', ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:',
      '--python-version', '3.13', '--dest', folder, `cibuildwheel${version ? `==${version}` : ''}`]);
    const [wheel = ''] = await readdir(folder);
    const read = async (name: string): Promise<string> => (await promisify(execFile)('python3', ['-c',
      'import sys, zipfile; sys.stdout.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())', join(folder, wheel),
      `cibuildwheel/resources/${name}`], { maxBuffer: 1 << 24 })).stdout;
    const pinned = pinnedOf(wheel.split('-')[1] ?? '', await read('pinned_docker_images.cfg'), await read('build-platforms.toml'));
    const lines = (entries: readonly string[]): string => entries.map((entry) => `    ${entry}`).join(',\n');
    await writeFile(join(imagesFolder, 'pypa', 'pinned.json'), [
      '{', `  "cibuildwheel": ${JSON.stringify(pinned.cibuildwheel)},`,
      '  "images": {', lines(Object.entries(pinned.images).map(([name, reference]) => `${JSON.stringify(name)}: ${JSON.stringify(reference)}`)), '  },',
      '  "pythons": [', lines(pinned.pythons.map((one) => JSON.stringify(one))), '  ]', '}', ''].join('\n'));
    process.stdout.write(`${Object.keys(pinned.images).length} images, ${pinned.pythons.length} targets of cibuildwheel ${pinned.cibuildwheel}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
