/** A local image laid out as upstream's manylinux images: three interpreters below /opt/python, a compiler, auditwheel. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { unpackRoot } from '../../../images/bootstrap.ts';
import type { Recipe } from '../../../images/types.ts';
import type { HostNetwork } from '../../../workers/backend/host-network.ts';

const execute = promisify(execFile);

/** Debian forky has three CPythons at once. */
export const layoutPythons = ['3.13', '3.14', '3.15'] as const;
/** `cp313`: as upstream's folders and cibuildwheel's identifiers begin. */
export const tagOf = (python: string): string => `cp${python.replace('.', '')}`;

const layout: Recipe = {
  name: 'upstream-layout', family: 'test', suite: 'forky', python: '3.14', architecture: 'x86_64', files: [],
  packages: ['base-files', 'bash', 'coreutils', 'dash', 'findutils', 'sed', 'tar', 'grep', 'gzip', 'gcc', 'libc6-dev', 'patchelf', 'ca-certificates', 'debianutils',
    ...layoutPythons.flatMap((python) => [`python${python}`, `python${python}-dev`, `python${python}-venv`])],
  expect: { seconds: 90, bytes: 600_000_000 },
};

/** Arguments of `docker create` with which pip in a container reaches what pip on the host reaches. */
export function networkArguments({ environment, caBundlePath, mode }: HostNetwork): string[] {
  const inside = '/etc/ssl/certs/ca-certificates.crt';
  const trust = caBundlePath ? ['-v', `${caBundlePath}:${inside}:ro`, '-e', `PIP_CERT=${inside}`] : [];
  return [`--network=${mode}`, ...Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`]), ...trust];
}

/** The same image with the one thing more that cibuildwheel asks for: a Python 3.9 by name, which prints the environment. */
export const peerOf = (reference: string): string => `${reference}-peer`;

/**
 * Makes it under `reference`, and `peerOf` it. pip, build and virtualenv are in each interpreter, as upstream has them.
 * @errors throws with the last lines of what failed
 */
export async function makeLayout(reference: string, folder: string, network: HostNetwork): Promise<void> {
  await mkdir(join(folder, 'layout'), { recursive: true });
  const { tarPath } = await unpackRoot(layout, join(folder, 'layout'), new Docker(), { cacheFolder: folder }, () => undefined);
  const raw = await inDocker('import', tarPath);
  const install = '-m pip install -q --disable-pip-version-check';
  const script = ['set -eu', ...layoutPythons.flatMap((python) => {
    const home = `/opt/python/${tagOf(python)}-${tagOf(python)}`;
    return [`python${python} -m venv ${home}`, `${home}/bin/python ${install} build virtualenv`];
  }), `python${layoutPythons[1]} -m venv /opt/auditwheel`, `/opt/auditwheel/bin/python ${install} auditwheel`,
  'ln -sf which.debianutils /usr/bin/which', // packages are unpacked, not configured
  'mkdir -p /usr/local/bin && ln -s /opt/auditwheel/bin/auditwheel /usr/local/bin/auditwheel'].join('\n');
  await commitAfter(raw, script, reference, networkArguments(network));
  const [first] = layoutPythons.map(tagOf);
  await commitAfter(reference, `ln -s ${first}-${first} /opt/python/cp39-cp39`, peerOf(reference), []);
  await inDocker('rmi', '-f', raw).catch(() => ''); // the layers stay under the reference
}

async function commitAfter(image: string, script: string, reference: string, network: readonly string[]): Promise<void> {
  const container = await inDocker('create', ...network, image, 'sh', '-c', script);
  try {
    await inDocker('start', '-a', container);
    await inDocker('commit', '-c', 'ENV PATH=/usr/local/bin:/usr/bin:/bin', '-c', 'CMD ["/bin/bash"]', container, reference);
  } finally {
    await inDocker('rm', '-f', container);
  }
}

/** Runs the docker client. @returns what it printed, trimmed @errors throws with what it said */
export async function inDocker(...words: string[]): Promise<string> {
  const { stdout } = await execute('docker', words, { maxBuffer: 1 << 26 });
  return stdout.trim();
}
