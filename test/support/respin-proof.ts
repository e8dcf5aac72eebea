/** Edits a real wheel both ways and writes the results; the bench and the integration test share it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileSource } from '../../orchestrator/adapters/archive/byte-source.ts';
import { openWheel } from '../../orchestrator/adapters/archive/payload.ts';
import type { OpenedWheel } from '../../orchestrator/adapters/archive/payload.ts';
import { postWheel, respinWheel, writeVirtual } from '../../orchestrator/adapters/archive/respin.ts';
import type { VirtualWheel } from '../../orchestrator/adapters/archive/respin.ts';
import { editMetadata, parseOperation } from '../../orchestrator/domain/edit.ts';
import type { EditOperation, EditedMetadata } from '../../orchestrator/domain/edit.ts';
import { parseWheelFilename } from '../../orchestrator/domain/filename.ts';

/** A bound, a text and a dependency that every environment has. */
export const proofEdit: readonly EditOperation[] = ([['bound', 'Requires-Python: <3.99'], ['set', 'Keywords: edited'],
  ['set', 'Requires-Dist: edited-demo>=1; extra == "edited"'], ['set', 'Provides-Extra: edited']] as const).map(([kind, text]) => {
  const parsed = parseOperation(kind, text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
});

/** Time of the members that the edits write. @unit seconds since 1970 */
export const proofEpoch = 1_700_000_000;

export interface OpenedReal { readonly wheel: OpenedWheel; close(): Promise<void> }

/** Opens a wheel of the cache as an import would. */
export async function openReal(path: string): Promise<OpenedReal> {
  const filename = basename(path);
  const parsed = parseWheelFilename(filename);
  if (!parsed.ok) throw new Error(parsed.error.why);
  const source = await fileSource(path);
  const sha256 = createHash('sha256').update(await readFile(path)).digest('hex');
  const wheel = await openWheel({ source, filename, sha256, expected: { name: parsed.value.name, version: parsed.value.version } });
  if (!wheel.ok) throw new Error(JSON.stringify(wheel.error));
  return { wheel: wheel.value, close: () => source.close() };
}

/** The edit of METADATA that the proofs use. @errors throws where it is refused */
export function editedReal(wheel: OpenedWheel, operations = proofEdit): EditedMetadata {
  const edited = editMetadata(wheel.texts.metadata, operations);
  if (!edited.ok) throw new Error(JSON.stringify(edited.error));
  return edited.value;
}

export interface Delivered { readonly path: string; readonly virtual: VirtualWheel; readonly edited: EditedMetadata }

/** Writes respin and post-release of a wheel into a folder. */
export async function deliverReal(wheel: OpenedWheel, folder: string): Promise<{ respin: Delivered; post: Delivered }> {
  const edited = editedReal(wheel);
  const [metadata, sourceDateEpoch] = [edited.metadata, proofEpoch];
  const write = async (virtual: VirtualWheel): Promise<Delivered> => {
    const path = join(folder, virtual.filename);
    await writeVirtual(virtual, wheel.archive.source, path);
    return { path, virtual, edited };
  };
  const respin = await write(respinWheel(wheel, { metadata, buildTag: 1, sourceDateEpoch }));
  const post = await write(await postWheel(wheel, { metadata, sourceDateEpoch, sbom: null, version: `${wheel.checked.core.version}.post1` }));
  return { respin, post };
}
