/** Real wheels to edit: different back ends, repair tools and zip writers. Downloaded once, kept in the cache folder. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What the tests edit: 21 MB. setuptools-rust, meson-python, setuptools, flit, hatchling, flit again. */
export const smallSet = ['cryptography==44.0.0', 'numpy==2.2.0', 'markupsafe==3.0.2', 'idna==3.10', 'hatchling==1.27.0', 'flit-core==3.10.1'] as const;

/** What the benchmark edits: 300 MB; maturin, scikit-build, bazel, poetry and plain zips among their writers. */
export const longSet = ['numpy==2.2.0', 'scipy==1.14.1', 'pandas==2.2.3', 'pyarrow==18.1.0', 'opencv-python-headless==4.10.0.84', 'cryptography==44.0.0',
  'pillow==11.0.0', 'lxml==5.3.0', 'pydantic-core==2.27.1', 'protobuf==5.29.1', 'matplotlib==3.9.3', 'uv==0.5.7', 'cmake==3.31.1', 'poetry-core==1.9.1',
  'hatchling==1.27.0', 'psutil==6.1.0'] as const;

/** pip's words for the interpreter that the wheels are for, the same on every machine. */
export const forInterpreter = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'abi3', '--abi', 'none',
  ...['manylinux_2_28_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux_2_12_x86_64', 'manylinux2010_x86_64', 'manylinux1_x86_64']
    .flatMap((platform) => ['--platform', platform]), '--only-binary', ':all:', '--no-deps'] as const;

/**
 * The wheel of a pinned requirement, from wherever the host's own pip installs.
 * @returns its path in the cache folder
 */
export async function realWheel(requirement: string): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wheelfarm', 'edit-wheels');
  const folder = join(cache, requirement);
  const there = async (): Promise<string | undefined> => (await readdir(folder).catch(() => [])).find((name) => name.endsWith('.whl'));
  if (await there() === undefined) {
    await mkdir(cache, { recursive: true });
    const fresh = await mkdtemp(join(cache, '.new-'));
    await execute('python3', ['-m', 'pip', 'download', '-q', '--disable-pip-version-check', ...forInterpreter, '-d', fresh, requirement], { timeout: 600_000 });
    await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  }
  const name = await there();
  if (name === undefined) throw new Error(`no wheel of ${requirement}`);
  return join(folder, name);
}
