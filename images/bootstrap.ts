/** Unpacks a Debian root: in a container of the suite's own image where Docker has one or can pull it, else on the host. */
import { createWriteStream, existsSync, readdirSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { debianArchives, parseSources, sourceLists, suitesOf } from './apt-sources.ts';
import { runCommand, works } from './command.ts';
import { haveDebian } from './debian-image.ts';
import { withContainer } from './docker.ts';
import { installOnHost } from './host-apt.ts';
import { architectureOf, imageEpoch, imagesFolder, readArchitectures, rowsOf } from './recipes.ts';
import type { MakeOptions, PackageVersion, Recipe } from './types.ts';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const aptFolder = '/etc/apt';

/** What is unpacked: a root for a recipe, or what another script of debian/ makes of the archive. */
export type Unpacking = Recipe & {
  /** Of images/debian; bootstrap.sh where it is not named. */
  readonly script?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Names of files that the script leaves beside root.tar, packages.txt and sources.txt. */
  readonly leaves?: readonly string[];
};
export interface Unpacked { readonly tarPath: string; readonly packages: PackageVersion[]; readonly archive: string[] }
type Say = (line: string) => void;

/**
 * Writes <folder>/root.tar.
 * @errors when neither way is open: the message says what to install
 */
export async function unpackRoot(
  recipe: Unpacking, folder: string, docker: Docker, options: MakeOptions, tell: Say,
): Promise<Unpacked> {
  // apt's own lines are many and name hosts; a failure's message has the last of them.
  const say = (line: string): void => { if (!/^(?:Get|Hit|Ign|Err|Fetched|Reading|E:|W:|I: (?!downl|extr|success)|\s)/.test(line)) tell(line); };
  const image = await haveDebian(docker, [recipe.suite], say, options.signal);
  if (image) await inContainer(image, recipe, folder, docker, options, say);
  else await onHost(recipe, folder, options, say);
  const lines = (await readFile(join(folder, 'packages.txt'), 'utf8')).trim().split('\n');
  const packages = lines.map((line) => {
    const [name, version, architecture, sha256] = line.split(' ');
    return { name: `${name!}:${architecture!}`, version: version!, sha256: sha256! };
  });
  const archive = suitesOf(await readFile(join(folder, 'sources.txt'), 'utf8'));
  return { tarPath: join(folder, 'root.tar'), packages, archive };
}

const scriptOf = ({ script = 'bootstrap.sh' }: Unpacking): string => join(imagesFolder, 'debian', script);

/** Variables of bootstrap.sh; `folder` as the script sees it. */
function scriptEnvironment(recipe: Unpacking, folder: string, lists: readonly string[]): Record<string, string> {
  const architectures = readArchitectures();
  // Headers and sysconfig data of this machine are the start for platforms that Debian has none for.
  const machines = recipe.pythonSource ? [recipe.architecture] : recipe.uv ? [] : rowsOf(recipe.name).map((row) => row.architecture);
  const sysroots = new Set(machines.map((machine) => architectures[machine]!.debian));
  return {
    SUITE: recipe.suite, ARCHITECTURE: architectureOf(recipe).debian, PACKAGES: recipe.packages.join(','),
    SYSROOTS: [...sysroots].toSorted().join(' '), PYTHON: recipe.python, OUT: folder, RUST: recipe.rust ? 'yes' : '',
    SOURCE: recipe.pythonSource ? `python${recipe.python}` : '',
    SOURCES: lists.map((_, n) => `${folder}/sources-${n}.list`).join(' '), SOURCE_DATE_EPOCH: String(imageEpoch), ...recipe.environment,
  };
}

/** Source lists from the text of apt's files; a mirror of the settings replaces the main archive. */
function listsFrom(aptText: string, recipe: Recipe, mirror: string | undefined): string[] {
  const found = mirror ? { main: mirror } : debianArchives(parseSources(aptText));
  if (!found) {
    throw new Error('No Debian archive is configured in /etc/apt here. Set WHEELFARM_DEBIAN_MIRROR to the address of one, '
      + `or let Docker pull debian:${recipe.suite}.`);
  }
  return sourceLists(found, recipe.suite, architectureOf(recipe).debian, keyring, recipe.pythonSource);
}

async function inContainer(
  image: string, recipe: Unpacking, folder: string, docker: Docker, options: MakeOptions, say: Say,
): Promise<void> {
  // SYS_ADMIN: mmdebstrap unshares its mounts. Only the farm's own script and Debian's packages are at work here.
  const host: Docker.HostConfig = { NetworkMode: 'host', CapAdd: ['SYS_ADMIN'], SecurityOpt: ['apparmor=unconfined'] };
  await withContainer(docker, image, host, options.signal, async (bench) => {
    const fetchText = async (command: readonly string[], path: string): Promise<void> =>
      bench.run(command, { out: createWriteStream(path), onLine: say });
    const aptText = join(folder, 'apt.txt');
    await fetchText(['sh', '-c', `cd ${aptFolder}; for f in sources.list sources.list.d/*; do [ ! -f "$f" ] || { cat "$f"; echo; }; done`],
      aptText);
    const lists = listsFrom(await readFile(aptText, 'utf8'), recipe, options.debianMirror);
    const filled = pack();
    filled.entry({ name: 'stage/bootstrap.sh', mode: 0o755 }, await readFile(scriptOf(recipe)));
    lists.forEach((list, n) => filled.entry({ name: `stage/sources-${n}.list` }, list));
    filled.finalize();
    await bench.put(filled, '/');
    const noninteractive = ['DEBIAN_FRONTEND=noninteractive'];
    say('installing mmdebstrap in the container');
    await bench.run(['sh', '-c', 'apt-get -q update && apt-get -q install -y --no-install-recommends mmdebstrap'],
      { onLine: say, environment: noninteractive });
    const environment = Object.entries(scriptEnvironment(recipe, '/stage', lists)).map(([name, value]) => `${name}=${value}`);
    await bench.run(['sh', '/stage/bootstrap.sh'], { onLine: say, environment });
    for (const name of ['root.tar', 'packages.txt', 'sources.txt', ...recipe.leaves ?? []]) {
      await fetchText(['cat', `/stage/${name}`], join(folder, name));
    }
  });
}

async function onHost(recipe: Unpacking, folder: string, options: MakeOptions, say: Say): Promise<void> {
  const signal = options.signal ? { signal: options.signal } : {};
  if (!await works('mmdebstrap', ['--version'])) {
    say('no container registry answers: installing mmdebstrap with this machine\'s apt');
    await installMmdebstrap(recipe, { ...signal, onLine: say });
  }
  if (process.getuid?.() !== 0) throw new Error(`Making ${recipe.name} on the host needs root; or let Docker pull debian:${recipe.suite}.`);
  const files = ['sources.list', ...(existsSync(`${aptFolder}/sources.list.d`)
    ? readdirSync(`${aptFolder}/sources.list.d`).toSorted().map((name) => `sources.list.d/${name}`) : [])];
  const texts = await Promise.all(files.map((name) => readFile(join(aptFolder, name), 'utf8').catch(() => '')));
  const lists = listsFrom(texts.join('\n\n'), recipe, options.debianMirror);
  await Promise.all(lists.map((list, n) => writeFile(join(folder, `sources-${n}.list`), list)));
  await copyFile(scriptOf(recipe), join(folder, 'bootstrap.sh'));
  const variables = Object.entries(scriptEnvironment(recipe, folder, lists)).map(([name, value]) => `${name}=${value}`);
  // mmdebstrap mounts /proc and /sys in the root: in a namespace of its own they end with it, even when it is killed.
  await runCommand('unshare', ['--mount', '--propagation', 'private', 'env', ...variables, 'sh', join(folder, 'bootstrap.sh')],
    { ...signal, onLine: say });
}

async function installMmdebstrap(recipe: Recipe, options: Parameters<typeof runCommand>[2]): Promise<void> {
  const can = process.getuid?.() === 0 && await works('apt-get', ['--version']);
  if (!can) {
    throw new Error(`Making ${recipe.name} needs either a Docker engine that can pull debian:${recipe.suite}, `
      + 'or mmdebstrap on this machine (as root: apt-get install mmdebstrap).');
  }
  await installOnHost(['mmdebstrap', 'debian-archive-keyring'], () => works('mmdebstrap', ['--version']), options ?? {});
}
