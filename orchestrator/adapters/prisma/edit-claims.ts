import type { EditApproval } from '../../domain/edit-statement.ts';
import type { EditOperation } from '../../domain/edit.ts';
import { parseMetadata, readCoreMetadata } from '../../domain/metadata.ts';
import type { Edit } from './client/client.ts';

/** What is the same in the statements of all files of an edit. */
export function claimedBy(edit: Edit) {
  const { project, version, toVersion, buildTag, why, requestedBy } = edit;
  return {
    project, version, why, requestedBy,
    delivery: toVersion === null ? { mode: 'respin', buildTag } as const : { mode: 'post', version: toVersion } as const,
    editId: edit.id, operations: edit.operations as unknown as EditOperation[],
    approvals: edit.approvals as unknown as EditApproval[], builderVersion: edit.builder,
    startedOn: edit.startedAt.toISOString(), finishedOn: (edit.preparedAt ?? edit.startedAt).toISOString(),
  };
}

/** Requires-Python of a METADATA or PKG-INFO; null where there is none. */
export function requiresPythonOf(metadata: string): string | null {
  const parsed = parseMetadata(metadata);
  const core = parsed.ok ? readCoreMetadata(parsed.value) : parsed;
  return core.ok ? core.value.requiresPython : null;
}
