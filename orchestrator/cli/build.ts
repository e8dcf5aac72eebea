import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildRequest, BuildView, BuildWait, PlanView, StatusView } from '../contract/api.ts';
import { FarmError, failure } from '../domain/failure.ts';
import { farmNames } from '../domain/statement.ts';
import { clientOf, type ApiClient } from './api-client.ts';
import type { Command, Context } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { withImages } from './images.ts';
import { readAsked, requestOf, type Asked } from './order.ts';
import { failureOf } from './print-error.ts';
import { exitStatus, jsonFailure, jsonResult, resultLines } from './result.ts';
import { LiveTable } from './table.ts';
import { buildDeps } from './with-deps.ts';

export const command: Command = {
  usage: 'build WHAT [--targets GLOB…] [--recipe FILE] [--with-deps] [--json] [--again]',
  help: [
    'Builds a release for the default targets, tests, signs and publishes it, and says what is covered and what is not.',
    'Starts the farm when it is not up. Ctrl-C cancels the build.', '',
    '  WHAT            name, name==version, owner/repo[@ref][#folder], a git address, a folder, or an sdist file',
    '  --targets GLOB  these targets instead, for example "cp313-*" or cp311-manylinux_aarch64; "*" is the whole grid',
    '  --recipe FILE   a recipe (TOML or JSON) over the project’s own options; docs/project-options.md',
    '  --with-deps     build requirements that have no wheel are built first',
    '  --json          the last line is one object {id, project, version, index, cells: […]}',
    '  --again         build failed cells again, also those whose failure was the project’s',
  ],
  async act(context, argv) {
    const asked = readAsked(argv);
    try {
      return await build(context, asked);
    } catch (error) {
      if (asked.json) context.out.write(`${JSON.stringify(jsonFailure(failureOf(error)))}\n`);
      throw error;
    }
  },
};

const build = (context: Context, asked: Asked): Promise<number> => runBuild(context, asked, async (client, signal) => {
  const request = await requestOf(client, asked, (line) => context.err.write(`${line}\n`), signal);
  if (asked.withDeps) await depsFirst(context, client, request);
  return withImages({ client, err: context.err, signal }, () => client.post<BuildView>('/builds', request));
});

/** Starts a build, shows it until it has ended and reports it; Ctrl-C cancels it. @returns exit status */
export async function runBuild(
  context: Context, { json }: { readonly json: boolean }, start: (client: ApiClient, signal: AbortSignal) => Promise<BuildView>,
): Promise<number> {
  await ensureUp(context);
  const client = clientOf(context.places);
  const stop = new AbortController();
  let running: string | null = null;
  const cancel = (id: string): void => {
    client.post(`/builds/${id}/cancel`, { by: 'Ctrl-C' }).catch((error: Error) => context.err.write(`${error.message}\n`));
  };
  const onInterrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
    context.err.write('\ncancelling; once more to leave at once\n');
    if (running) cancel(running);
  };
  process.on('SIGINT', onInterrupt).on('SIGTERM', onInterrupt);
  const started = await start(client, stop.signal);
  running = started.id;
  // Asked for while the farm was planning: nobody else would end the build.
  if (stop.signal.aborted && started.state === 'running') cancel(running);
  const ended = started.state === 'running' ? await follow(context, client, started) : started;
  return report(context, client, ended, json);
}

/** Requirements without a wheel are built before; each is shown as a build of its own. */
async function depsFirst(context: Context, client: ApiClient, request: BuildRequest): Promise<void> {
  await buildDeps({
    plan: (one) => client.post<PlanView>('/plans', one),
    build: async (one) => {
      const started = await client.post<BuildView>('/builds', one);
      return started.state === 'running' ? follow(context, client, started) : started;
    },
    say: (line) => context.err.write(`${line}\n`),
  }, request);
}

/** How often it is asked why cells wait. @unit milliseconds */
const waitsMs = 10_000;

/** Says which cells wait for a worker; an answer that does not come is no news. */
async function tellWaits(client: ApiClient, id: string, say: (line: string) => void): Promise<void> {
  const waits = await client.get<BuildWait[]>(`/builds/${id}/waits`).catch(() => []);
  for (const { target, why } of waits) say(`${target} ${why}`);
}

/** Shows the build until it has ended; a dropped stream is opened again. */
async function follow({ err }: Context, client: ApiClient, started: BuildView): Promise<BuildView> {
  const table = new LiveTable(err);
  const ticking = setInterval(() => table.tick(), 1000);
  const told = new Set<string>();
  const asking = setInterval(() => void tellWaits(client, started.id, (line) => {
    if (!told.has(line)) err.write(`${line}\n`);
    told.add(line);
  }), waitsMs);
  let last = started;
  let failures = 0;
  try {
    while (last.state === 'running') {
      try {
        for await (const view of client.events<BuildView>(`/builds/${started.id}/events`)) {
          last = view;
          failures = 0;
          table.show(view);
          if (view.state !== 'running') break;
        }
      } catch (error) {
        // The control plane is started again when it dies; the build goes on meanwhile.
        failures += 1;
        if (!(error instanceof FarmError) || error.failure.code !== 'FARM_NOT_UP' || failures > 60) throw error;
        await sleep(500);
      }
    }
  } finally {
    clearInterval(ticking);
    clearInterval(asking);
  }
  return last;
}

async function report({ out }: Context, client: ApiClient, view: BuildView, json: boolean): Promise<number> {
  const status = await client.get<StatusView>('/status');
  const { identity, issuer } = farmNames(status.farmId);
  out.write(`${resultLines(view, { identity, issuer, fingerprint: status.trustFingerprint }).join('\n')}\n`);
  if (json) out.write(`${JSON.stringify(jsonResult(view))}\n`);
  return exitStatus(view);
}

/** The newest build of `name==version` that has this target. @errors FARM_NOT_FOUND */
export async function newestBuild(client: ApiClient, project: string, version: string, target: string): Promise<BuildView> {
  const builds = await client.get<BuildView[]>('/builds?limit=200');
  const name = project.toLowerCase().replace(/[-_.]+/g, '-');
  const found = builds.find((build) => build.project === name && build.version === version
    && build.cells.some((cell) => cell.target === target));
  if (!found) throw new FarmError(failure('FARM_NOT_FOUND', 'plan', { thing: `build of ${project}==${version} with ${target}` }));
  return found;
}
