import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onPath } from '../../../infra/setup/command.ts';
import type { Env } from '../../../infra/setup/places.ts';

/** How Postgres is started: it refuses to run as root. */
export interface PostgresHome {
  /** Data folder; as root it belongs to the account that Postgres runs as. */
  readonly folder: string;
  /** Put before every command of Postgres; empty when the present user runs it. */
  readonly prefix: readonly string[];
}

interface Account { readonly uid: number; readonly gid: number }

/**
 * Where the data lives and as whom Postgres runs. As root it is the account `postgres`, else `nobody`; where that
 * account cannot walk into the checkout (a home folder with mode 700) it is given the one capability that lets it,
 * and where this does not work either, the data goes to /var/lib with a link in the state folder.
 * @param native folder of the registry package, with `bin/postgres`
 * @errors throws when root has neither setpriv nor an account to step down to
 */
export function postgresHome(home: string, native: string, farmId: string, env: Env): PostgresHome {
  const folder = join(home, 'postgres');
  if (process.getuid?.() !== 0) return { folder, prefix: [] };
  const setpriv = onPath('setpriv', env.PATH);
  if (!setpriv) throw new Error('Postgres does not run as root, and setpriv (util-linux) is not here to step down');
  const account = stepDownAccount(readFileSync('/etc/passwd', 'utf8'));
  const plain = [setpriv, `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const able = [...plain, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'];
  const binary = join(native, 'bin', 'postgres');
  const reaches = (prefix: readonly string[], path: string): boolean =>
    spawnSync(prefix[0] ?? '', [...prefix.slice(1), 'test', '-r', path], { stdio: 'ignore' }).status === 0;
  mkdirSync(home, { recursive: true });
  const openly = [...plain, '--'];
  if (reaches(openly, binary) && reaches(openly, home)) return owned(folder, openly, account);
  if (reaches(able, binary) && reaches(able, home)) return owned(folder, able, account);
  return owned(elsewhere(folder, farmId), openly, account);
}

/** The account that Postgres runs as, from the text of /etc/passwd. */
export function stepDownAccount(passwd: string): Account {
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd.split('\n').map((line) => line.split(':')).find(([first]) => first === name);
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('Postgres does not run as root, and there is neither an account postgres nor nobody');
}

function owned(folder: string, prefix: readonly string[], account: Account): PostgresHome {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  if (statSync(folder).uid !== account.uid && !existsSync(join(folder, 'PG_VERSION'))) {
    chownSync(folder, account.uid, account.gid);
  }
  return { folder, prefix };
}

function elsewhere(folder: string, farmId: string): string {
  const real = join('/var/lib/wheelfarm', farmId);
  mkdirSync(real, { recursive: true, mode: 0o711 });
  if (!existsSync(folder)) symlinkSync(real, folder);
  return real;
}

/**
 * Makes the data folder on first use, with the account and the database `farm`.
 * @errors throws with the last lines of initdb
 */
export function initialisePostgres({ folder, prefix }: PostgresHome, native: string, password: string, env: Env): void {
  if (existsSync(join(folder, 'PG_VERSION')) && existsSync(join(folder, 'farm.made'))) return;
  rmContents(folder, prefix, env);
  const secret = mkdtempSync(join(tmpdir(), 'farm-'));
  const file = join(secret, 'password');
  try {
    writeFileSync(file, `${password}\n`, { mode: 0o600 });
    const owner = statSync(folder);
    if (prefix.length > 0) for (const path of [secret, file]) chownSync(path, owner.uid, owner.gid);
    step([...prefix, join(native, 'bin', 'initdb'), `--pgdata=${folder}`, '--username=farm', `--pwfile=${file}`,
      '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions'], env, folder, '');
    step([...prefix, join(native, 'bin', 'postgres'), '--single', '-D', folder, 'postgres'], env, folder,
      'CREATE DATABASE farm OWNER farm\n');
    step([...prefix, 'touch', join(folder, 'farm.made')], env, folder, '');
  } finally {
    rmSync(secret, { recursive: true, force: true });
  }
}

/** An initdb that was interrupted leaves a folder that it refuses the next time. */
function rmContents(folder: string, prefix: readonly string[], env: Env): void {
  step([...prefix, 'find', folder, '-mindepth', '1', '-delete'], env, dirname(folder), '');
}

function step(argv: readonly string[], env: Env, cwd: string, input: string): void {
  const made = spawnSync(argv[0] ?? '', argv.slice(1), { env: { ...env, LC_ALL: 'C.UTF-8' }, cwd, input, encoding: 'utf8' });
  if (made.status === 0) return;
  const words = `${made.stdout ?? ''}${made.stderr ?? ''}`.trim().split('\n').slice(-4).join(' | ');
  throw new Error(`the database could not be made: ${made.error?.message ?? words}`);
}

/** Command line of the server: loopback only, durable, small. */
export function postgresArgv({ folder, prefix }: PostgresHome, native: string, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'on', shared_buffers: '64MB',
    max_connections: '60', log_min_messages: 'warning', log_line_prefix: '%m ',
  };
  return [
    ...prefix, join(native, 'bin', 'postgres'), '-D', folder, '-p', String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}
