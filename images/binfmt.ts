/** Lets this machine start programs of other machines: QEMU registered so that it works inside containers. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { runCommand, works } from './command.ts';
import { haveDebian } from './debian-image.ts';
import { withContainer } from './docker.ts';
import { installOnHost } from './host-apt.ts';
import { imagesFolder, readRecipes } from './recipes.ts';

const folder = '/proc/sys/fs/binfmt_misc';

/** One line of emulators.json: QEMU's name of a machine and how its programs are known by their first 20 bytes. */
export interface Emulator {
  readonly qemu: string;
  readonly class: 32 | 64;
  readonly order: 'little' | 'big';
  readonly elfMachine: number;
}

const readEmulators = (): Readonly<Record<string, Emulator>> =>
  JSON.parse(readFileSync(join(imagesFolder, 'emulators.json'), 'utf8')) as Record<string, Emulator>;

function emulatorOf(machine: string): Emulator {
  const found = readEmulators()[machine];
  if (!found) throw new Error(`emulators.json has no machine named ${machine}`);
  return found;
}

/** True where the kernel starts programs of `machine` in containers too (flag F: the emulator is held open). */
export function canRun(machine: string): boolean {
  const native = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  if (machine === native) return true;
  const path = `${folder}/qemu-${emulatorOf(machine).qemu}`;
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8');
  return text.startsWith('enabled') && /^flags:.*F/m.test(text);
}

/**
 * What is written to binfmt_misc's `register`, escaped as the kernel reads it.
 * @param interpreter path of a statically linked QEMU, opened by the kernel at once (flag F)
 * @source the kernel's admin-guide/binfmt-misc; ELF header: e_ident, e_type (2 or 3), e_machine
 */
export function registerLine(emulator: Emulator, interpreter: string): string {
  const little = emulator.order === 'little';
  const half = (value: number): number[] => (little ? [value & 255, value >> 8] : [value >> 8, value & 255]);
  const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);
  const magic = [0x7f, 0x45, 0x4c, 0x46, emulator.class === 64 ? 2 : 1, little ? 1 : 2, 1, ...times(9, 0),
    ...half(2), ...half(emulator.elfMachine)];
  // Any ABI byte; programs (2) and position independent ones (3) alike.
  const mask = [...times(7, 255), 0, ...times(8, 255), ...half(0xfffe), 255, 255];
  const escaped = (bytes: readonly number[]): string => bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return `:qemu-${emulator.qemu}:M::${escaped(magic)}:${escaped(mask)}:${interpreter}:F`;
}

export interface BinfmtOptions {
  readonly docker?: Docker;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes programs of all `machines` start; does nothing where they do. Where Docker has or can pull a Debian image,
 * QEMU is installed and registered in a container of it; else with the host's apt, which needs root.
 * @errors where neither way is open: the message says the one thing to do
 */
export async function ensureBinfmt(machines: readonly string[], options: BinfmtOptions = {}): Promise<void> {
  const lacking = (): string[] => machines.filter((machine) => !canRun(machine));
  if (lacking().length === 0) return;
  const root = process.getuid?.() === 0;
  if (root && !existsSync(`${folder}/status`)) await runCommand('mount', ['-t', 'binfmt_misc', 'binfmt_misc', folder], options);
  if (lacking().length === 0) return;
  const say = options.onLine ?? ((): void => undefined);
  const docker = options.docker ?? new Docker();
  const suites = [...new Set([...readRecipes().values()].map(({ suite }) => suite))];
  const image = await haveDebian(docker, suites, say, options.signal);
  if (image) await registerInContainer(docker, image, lacking(), options);
  else if (root && await works('apt-get', ['--version'])) {
    say('no container registry answers: installing qemu-user-static and binfmt-support with this machine\'s apt');
    await registerOnHost(options);
  } else {
    throw new Error(`Programs of ${lacking().join(', ')} cannot start here, and no container registry answers. `
      + 'As root: apt-get install qemu-user-static binfmt-support');
  }
  if (lacking().length > 0) throw new Error(`QEMU was installed, but programs of ${lacking().join(', ')} still cannot start.`);
}

async function registerOnHost(options: BinfmtOptions): Promise<void> {
  await installOnHost(['qemu-user-static', 'binfmt-support'],
    async () => await works('update-binfmts', ['--version']) && existsSync('/usr/bin/qemu-arm-static'), options);
  await runCommand('update-binfmts', ['--enable'], options);
}

/**
 * Registers in a container; the kernel keeps QEMU open, so it works when the container is gone.
 * Where binfmt_misc is mounted, the container gets just that folder; else it must be privileged, to mount it.
 */
async function registerInContainer(docker: Docker, image: string, machines: readonly string[], options: BinfmtOptions): Promise<void> {
  const say = options.onLine ?? ((): void => undefined);
  const settings: Docker.HostConfig = existsSync(`${folder}/register`)
    ? { NetworkMode: 'host', Binds: [`${folder}:/binfmt`] }
    : { NetworkMode: 'host', Privileged: true, PidMode: 'host' };
  await withContainer(docker, image, settings, options.signal, async (bench) => {
    say(`installing qemu-user-static in a container of ${image}`);
    await bench.run(['sh', '-c', 'apt-get -q update && apt-get -q install -y --no-install-recommends qemu-user-static'],
      { onLine: say, environment: ['DEBIAN_FRONTEND=noninteractive'] });
    // The machine's own mount, for whoever asks there; the container's view is another one.
    await bench.run(['sh', '-c', `[ -e /binfmt/register ] || { mkdir -p /binfmt
      nsenter --target 1 --mount mount -t binfmt_misc binfmt_misc ${folder}
      mount -t binfmt_misc binfmt_misc /binfmt; }`], { onLine: say });
    for (const machine of machines) {
      const { qemu } = emulatorOf(machine);
      // An entry that is there was not usable in containers: not held open, or disabled.
      await bench.run(['sh', '-c', `[ ! -e /binfmt/qemu-${qemu} ] || echo -1 > /binfmt/qemu-${qemu}
        path=$(readlink -f "$(command -v qemu-${qemu}-static || command -v qemu-${qemu})")
        [ -n "$path" ] && printf '%s' "$1" | sed "s|@|$path|" > /binfmt/register`, 'sh', registerLine(emulatorOf(machine), '@')],
      { onLine: say });
      say(`programs of ${machine} registered`);
    }
  });
}
