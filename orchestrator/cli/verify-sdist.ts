import { patchTexts } from '../adapters/edits-sdist.ts';
import { ArchiveRefused } from '../adapters/archive/limits.ts';
import { sdistPayload } from '../adapters/archive/sdist-patch.ts';
import { readSdist, type Sdist } from '../adapters/archive/sdist.ts';
import { printDiff, type EditOperation, type FieldDiff } from '../domain/edit.ts';
import { err, ok, type Result } from '../domain/result.ts';
import type { LocalFile } from './verify-against.ts';

/** What the statement of a patched sdist says, as far as it is judged here. */
export interface SdistClaim {
  readonly original: string | undefined;
  readonly project: string;
  readonly version: string;
  readonly toVersion: string;
  readonly operations: readonly EditOperation[];
  readonly changes: readonly FieldDiff[];
  readonly payload: string | undefined;
}

/**
 * Whether an sdist is its original with the attested edit and nothing else.
 * @returns what is the same; or why it is not so
 */
export async function judgeSdistAgainst(
  claim: SdistClaim, file: LocalFile, original: LocalFile,
): Promise<Result<string, string>> {
  if (claim.original !== original.sha256) return err(`it was made of another file than ${original.filename}`);
  const [after, before] = [await opened(file), await opened(original)];
  if (!after.ok) return after;
  if (!before.ok) return before;
  const patched = patchTexts({ ...before.value, filename: original.filename }, claim);
  if (!patched.ok) return err(`the attested operations do not fit the original: ${patched.error.join('; ')}`);
  if (after.value.rootFolder !== patched.value.folder) return err(`its folder is not ${patched.value.folder}`);
  const unlike = (text: string) => err(`its ${text} is not what the attested operations make of the original`);
  if (patched.value.pkgInfo !== after.value.pkgInfo) return unlike('PKG-INFO');
  if (patched.value.pyproject !== after.value.pyproject) return unlike('pyproject.toml');
  if (printDiff(patched.value.changes) !== printDiff(claim.changes)) {
    return err('the statement tells other changes than there are');
  }
  const [payload, wanted] = [await payloadOf(file), await payloadOf(original)];
  if (!payload.ok) return payload;
  if (!wanted.ok) return wanted;
  if (payload.value !== wanted.value) return err('its other members are not those of the original');
  if (payload.value !== claim.payload) return err('the statement is about another payload');
  const words = `same    everything but PKG-INFO and pyproject.toml, as in ${original.filename}`;
  return ok(`${words}; payload sha256 ${payload.value}`);
}

async function opened({ path, filename }: LocalFile): Promise<Result<Sdist, string>> {
  const read = await readSdist(path, filename);
  return read.ok ? read : err(`${filename}: ${read.error.words['why'] ?? read.error.code}`);
}

async function payloadOf({ path, filename }: LocalFile): Promise<Result<string, string>> {
  try {
    return ok(await sdistPayload(path));
  } catch (error) {
    if (error instanceof ArchiveRefused) return err(`${filename}: ${error.message}`);
    throw error;
  }
}
