/** Lets this machine start programs of other machines: QEMU registered so that it works inside containers. */
import { existsSync, readFileSync } from 'node:fs';
import { runCommand, works } from './command.ts';

const folder = '/proc/sys/fs/binfmt_misc';
/** QEMU's own names of the machines of architectures.json. */
const emulatorOf: Readonly<Record<string, string>> = {
  aarch64: 'aarch64', armv7l: 'arm', ppc64le: 'ppc64le', s390x: 's390x', riscv64: 'riscv64',
};

/** True where the kernel starts programs of `machine` in containers too (flag F: the emulator is held open). */
export function canRun(machine: string): boolean {
  const native = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  if (machine === native) return true;
  const path = `${folder}/qemu-${emulatorOf[machine] ?? machine}`;
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8');
  return text.startsWith('enabled') && /^flags:.*F/m.test(text);
}

/**
 * Makes programs of all `machines` start; does nothing where they do.
 * @errors where this needs root or packages that cannot be installed: the message says what to do
 */
export async function ensureBinfmt(
  machines: readonly string[], options: { onLine?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<void> {
  const lacking = (): string[] => machines.filter((machine) => !canRun(machine));
  if (lacking().length === 0) return;
  const advice = 'As root: apt-get install qemu-user-static binfmt-support; mount -t binfmt_misc binfmt_misc '
    + `${folder}; update-binfmts --enable`;
  if (process.getuid?.() !== 0) throw new Error(`Programs of ${lacking().join(', ')} cannot start here. ${advice}`);
  if (!existsSync(`${folder}/status`)) await runCommand('mount', ['-t', 'binfmt_misc', 'binfmt_misc', folder], options);
  if (lacking().length === 0) return;
  if (!await works('update-binfmts', ['--version']) || !existsSync('/usr/bin/qemu-arm-static')) {
    options.onLine?.('installing qemu-user-static and binfmt-support');
    await runCommand('apt-get', ['-q', 'update'], options);
    await runCommand('apt-get', ['-q', 'install', '-y', '--no-install-recommends', 'qemu-user-static', 'binfmt-support'], options);
  }
  await runCommand('update-binfmts', ['--enable'], options);
  if (lacking().length > 0) throw new Error(`Programs of ${lacking().join(', ')} still cannot start. ${advice}`);
}
