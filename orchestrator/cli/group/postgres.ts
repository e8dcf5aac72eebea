import { spawnSync } from 'node:child_process';
import {
  chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
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
  /** Folder with `bin/postgres` that this account can run from. */
  readonly native: string;
}

interface Account { readonly uid: number; readonly gid: number }

/** For what an account without root's rights cannot reach in a checkout. */
const shared = '/var/lib/wheelfarm';

/**
 * Where the data lives and as whom Postgres runs. As root it is the account `postgres`, else `nobody`. Where that
 * account cannot walk to the state folder (a home folder with mode 700) Postgres keeps the one capability that lets it;
 * where there is no such capability, the data goes to /var/lib with a link in the state folder. Postgres asks access(2)
 * whether its own program may be run, which no capability answers: unreachable programs are copied.
 * @param native folder of the registry package, with `bin/postgres`
 * @errors throws when root has neither setpriv nor an account to step down to
 */
export function postgresHome(home: string, native: string, farmId: string, env: Env): PostgresHome {
  const folder = join(home, 'postgres');
  if (process.getuid?.() !== 0) return { folder, prefix: [], native };
  const setpriv = onPath('setpriv', env.PATH);
  if (!setpriv) throw new Error('Postgres does not run as root, and setpriv (util-linux) is not here to step down');
  const account = stepDownAccount(readFileSync('/etc/passwd', 'utf8'));
  const plain = [setpriv, `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const openly = [...plain, '--'];
  const able = [...plain, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'];
  const works = (prefix: readonly string[], ...argv: string[]): boolean =>
    spawnSync(prefix[0] ?? '', [...prefix.slice(1), ...argv], { stdio: 'ignore', cwd: '/' }).status === 0;
  mkdirSync(home, { recursive: true });
  const programs = works(openly, 'test', '-x', join(native, 'bin', 'postgres')) ? native : copied(native);
  const walks = [openly, able].find((prefix) => works(prefix, 'ls', '-d', `${home}/.`));
  const place = walks ? folder : elsewhere(folder, farmId);
  return { ...owned(place, walks ?? openly, account), native: programs };
}

/** A copy of the programs that every account reaches, made once for each version of the package. */
function copied(native: string): string {
  const { version } = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string };
  const folder = join(shared, `postgres-${version}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(shared, { recursive: true, mode: 0o755 });
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(unfinished, folder);
  } catch {
    rmSync(unfinished, { recursive: true }); // another farm was quicker
  }
  return folder;
}

/** The account that Postgres runs as, from the text of /etc/passwd. */
export function stepDownAccount(passwd: string): Account {
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd.split('\n').map((line) => line.split(':')).find(([first]) => first === name);
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('Postgres does not run as root, and there is neither an account postgres nor nobody');
}

function owned(folder: string, prefix: readonly string[], account: Account): { folder: string; prefix: readonly string[] } {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  if (statSync(folder).uid !== account.uid && !existsSync(join(folder, 'PG_VERSION'))) {
    chownSync(folder, account.uid, account.gid);
  }
  return { folder, prefix };
}

function elsewhere(folder: string, farmId: string): string {
  const real = join(shared, farmId);
  mkdirSync(real, { recursive: true, mode: 0o711 });
  if (!existsSync(folder)) symlinkSync(real, folder);
  return real;
}

/**
 * Makes the data folder on first use, with the account and the database `farm`.
 * @errors throws with the last lines of initdb
 */
export function initialisePostgres({ folder, prefix, native }: PostgresHome, password: string, env: Env): void {
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
export function postgresArgv({ folder, prefix, native }: PostgresHome, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'on', shared_buffers: '64MB',
    max_connections: '60', log_min_messages: 'warning', log_line_prefix: '%m ',
  };
  return [
    ...prefix, join(native, 'bin', 'postgres'), '-D', folder, '-p', String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}
