import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock, unlock } from '../../../infra/setup/lock.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import { postgresFolder } from '../../../infra/setup/postgres.ts';
import { temporalBinary } from '../../../infra/setup/temporal.ts';
import { keepAll } from './kept.ts';
import { partsOf, type PartPlan } from './parts.ts';
import { initialisePostgres, postgresArgv, postgresHome } from './postgres.ts';
import { Supervisor, endOrphans, makeHome } from './supervisor.ts';

// Composition root of the supervisor: started by `./farm up` in a session of its own, with the home as FARM_HOME.
// FARM_PARTS names a JSON file with other parts; FARM_ONLY keeps some by name.
const env = process.env;
const places = placesOf(env);
const { home } = places;
const lock = join(home, 'supervisor.lock');
makeHome(home);
const holder = tryLock(lock);
if (holder) {
  console.log(`another supervisor (process ${holder.pid}) serves this farm`);
  process.exit(0);
}

const kept = await keepAll(home);
const orphans = await endOrphans(home, kept.identity.farmId);
if (orphans > 0) console.log(`ended ${orphans} processes of an earlier supervisor`);
const supervisor = new Supervisor(home, kept.identity.farmId, plansOf(), env);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end());
process.on('SIGHUP', () => { /* the terminal closed; the group goes on */ });
await supervisor.begin();
console.log(`${new Date().toISOString()} supervising ${supervisor.status.map(({ name }) => name).join(', ')}`);

async function end(): Promise<void> {
  await supervisor.stop();
  unlock(lock);
}
process.on('exit', () => unlock(lock));

function plansOf(): PartPlan[] {
  const plans = env.FARM_PARTS ? JSON.parse(readFileSync(env.FARM_PARTS, 'utf8')) as PartPlan[] : builtIn();
  const only = env.FARM_ONLY?.split(',');
  return only ? plans.filter(({ name }) => only.includes(name)) : plans;
}

function builtIn(): PartPlan[] {
  const native = env.DATABASE_URL ? undefined : postgresFolder(places);
  let argv: string[] | undefined;
  if (native) {
    const database = postgresHome(home, native, kept.identity.farmId, env);
    initialisePostgres(database, kept.secrets.postgresPassword, env);
    argv = postgresArgv(database, kept.ports.postgres);
  }
  const temporal = env.TEMPORAL_ADDRESS ? undefined : temporalBinary(places, env);
  return partsOf({
    root: places.root, home, cache: places.cache, node: process.execPath, kept,
    ...(argv ? { postgresArgv: argv } : {}),
    ...(env.DATABASE_URL ? { databaseUrl: env.DATABASE_URL } : {}),
    ...(temporal ? { temporalBinary: temporal } : {}),
    ...(env.TEMPORAL_ADDRESS ? { temporalAddress: env.TEMPORAL_ADDRESS } : {}),
  });
}
