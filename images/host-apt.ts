import { runCommand, type CommandOptions } from './command.ts';
import { Slots } from './slots.ts';

/** apt takes one at a time; several roots and QEMU may ask for packages at once. */
const turn = new Slots(1);

/**
 * Installs Debian packages on the host when `there` says that they are still missing when the turn comes.
 * Another program that holds dpkg's lock is waited for. @errors what apt-get says
 */
export async function installOnHost(
  packages: readonly string[], there: () => Promise<boolean>, options: CommandOptions,
): Promise<void> {
  await turn.use(async () => {
    if (await there()) return;
    const wait = ['-q', '-o', 'DPkg::Lock::Timeout=300'];
    await runCommand('apt-get', [...wait, 'update'], options);
    await runCommand('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], options);
  });
}
