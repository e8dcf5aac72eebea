import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildRequest, BuildView, CellView, SourceView } from '../../orchestrator/contract/api.ts';
import { packSource } from '../../orchestrator/cli/source.ts';
import { ApiClient } from '../../orchestrator/cli/api-client.ts';
import { packAnimal, type Animal } from '../zoo/animals.ts';
import type { TestFarm } from './farm.ts';
import { openAsBlob } from 'node:fs';

/** The API of a test's farm. */
export async function apiOf(farm: TestFarm): Promise<ApiClient> {
  const { api } = await farm.status();
  return new ApiClient((api ?? '').replace(/\/api$/, ''), farm.kept().secrets.apiToken);
}

/** The one cell that most animals are built for. */
export const homeTarget = 'cp311-manylinux_x86_64';

/** Sends a file as a source. @errors FarmError of the Problem */
export async function sendFile(api: ApiClient, path: string): Promise<SourceView> {
  const packed = await packSource({ kind: 'file', path });
  const query = new URLSearchParams({ kind: 'file', filename: packed.filename, epoch: String(packed.epoch) });
  return api.put<SourceView>(`/sources/${packed.sha256}?${query}`, await openAsBlob(path));
}

/** Starts the build of an animal. */
export async function startAnimal(
  farm: TestFarm, animal: Animal, asked: Partial<BuildRequest> = {},
): Promise<{ api: ApiClient; build: BuildView }> {
  const api = await apiOf(farm);
  const source = await sendFile(api, await packAnimal(animal, mkdtempSync(join(tmpdir(), 'farm-zoo-'))));
  const build = await api.post<BuildView>('/builds', { what: '', source: source.id, targets: [homeTarget], ...asked });
  return { api, build };
}

/** Waits until a build has ended. @errors throws when it has not after `msMax` */
export async function ended(api: ApiClient, id: string, msMax = 120_000): Promise<BuildView> {
  const signal = AbortSignal.timeout(msMax);
  let last: BuildView = await api.get<BuildView>(`/builds/${id}`);
  if (last.state !== 'running') return last;
  for await (const view of api.events<BuildView>(`/builds/${id}/events`, signal)) {
    last = view;
    if (view.state !== 'running') return view;
  }
  throw new Error(`build ${id} has not ended: ${JSON.stringify(last.cells.map(({ target, state, step }) => ({ target, state, step })))}`);
}

/** Builds an animal to its end and answers its cell. */
export async function buildAnimal(
  farm: TestFarm, animal: Animal, asked: Partial<BuildRequest> = {},
): Promise<{ build: BuildView; cell: CellView }> {
  const { api, build } = await startAnimal(farm, animal, asked);
  const done = await ended(api, build.id);
  const [cell] = done.cells;
  if (!cell) throw new Error('no cell');
  return { build: done, cell };
}
