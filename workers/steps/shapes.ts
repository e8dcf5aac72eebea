/** Shapes of what the scripts of workers/container/ write. Sizes are limited: strangers' code could have written it. */
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { LockedShape } from '../../orchestrator/contract/worker.ts';

export const Filename = Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.+!-]*$', maxLength: 300 });
export const RequirementText = Type.String({ maxLength: 1000 });
export const Notes = Type.Array(Type.String({ maxLength: 300 }), { maxItems: 20 });
export const Lock = Type.Array(LockedShape, { maxItems: 500 });
const Count = Type.Integer({ minimum: 0 });

/** `[build-system]` with PEP 517's defaults. */
export const BuildSystem = Type.Object({
  backend: Type.String({ maxLength: 300 }),
  backendPath: Type.Union([Type.Array(Type.String({ maxLength: 400 }), { maxItems: 20 }), Type.Null()]),
  requires: Type.Array(RequirementText, { maxItems: 500 }),
});
export type BuildSystem = Static<typeof BuildSystem>;

export const FetchResult = Type.Object({
  ok: Type.Literal(true), lock: Lock, bytes: Count, buildSystem: Type.Optional(BuildSystem),
});
export type FetchResult = Static<typeof FetchResult>;

const DepUrls = Type.Array(Type.String({ maxLength: 300 }), { maxItems: 100 });
/** `[external]` of pyproject.toml. @source PEP 725 */
export const ExternalResult = Type.Object({ build: DepUrls, host: DepUrls });
export type ExternalResult = Static<typeof ExternalResult>;
export const LibraryResult = Type.Object({ ok: Type.Literal(true), bytes: Count });
const Requires = Type.Array(RequirementText, { maxItems: 200 });
export const PrepareResult = Type.Object({
  ok: Type.Literal(true), external: Type.Optional(ExternalResult), rust: Type.Optional(Type.Boolean()), installed: Type.Array(Filename, { maxItems: 500 }), buildSystem: Type.Optional(BuildSystem),
  requires: Type.Optional(Requires),
});
export const RequiresResult = Type.Object({ ok: Type.Literal(true), requires: Requires });
export const EnvironmentResult = Type.Object({
  ok: Type.Literal(true), environment: Type.Record(Type.String(), Type.String({ maxLength: 64 * 1024 })),
});
export const SdistResult = Type.Object({ ok: Type.Literal(true), sdist: Filename });

export const CloneResult = Type.Object({
  ok: Type.Literal(true), commit: Type.String({ pattern: '^[0-9a-f]{40}$' }), commitTime: Count, bytes: Count,
  submodules: Type.Array(Type.Object({
    path: Type.String({ maxLength: 400 }), url: Type.String({ maxLength: 400 }), commit: Type.String({ pattern: '^[0-9a-f]{40}$' }),
  }), { maxItems: 200 }),
});

export const BuildResult = Type.Object({
  ok: Type.Literal(true), wheel: Filename, pure: Type.Boolean(), platformTag: Type.String({ maxLength: 300 }),
  compilerCalls: Count, compilerFailures: Count, notes: Notes,
});
export type BuildResult = Static<typeof BuildResult>;

export const AuditResult = Type.Object({
  platformTag: Type.String({ maxLength: 300 }), floor: Type.String({ maxLength: 40 }),
  glibc: Type.Union([Type.String({ maxLength: 20 }), Type.Null()]), objectCount: Count,
  objects: Type.Array(Type.Object({
    member: Type.String({ maxLength: 400 }), machine: Type.String({ maxLength: 40 }), bits: Count,
    needed: Type.Array(Type.String({ maxLength: 300 }), { maxItems: 100 }),
  }), { maxItems: 200 }),
  notes: Notes,
});
export type AuditResult = Static<typeof AuditResult>;

export const RepairResult = Type.Object({
  ok: Type.Literal(true), wheel: Filename, pure: Type.Boolean(), platformTag: Type.String({ maxLength: 300 }),
  policy: Type.Union([Type.String({ maxLength: 100 }), Type.Null()]),
  grafted: Type.Array(Type.Object({
    path: Type.String({ maxLength: 400 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    soname: Type.Optional(Type.String({ maxLength: 300 })),
  }), { maxItems: 500 }),
  notes: Notes,
  floor: Type.Optional(Type.Array(Count, { minItems: 2, maxItems: 2 })),
  audit: AuditResult,
  /** @unit milliseconds */
  auditMs: Count,
});
export type RepairResult = Static<typeof RepairResult>;

const Modules = Type.Array(Type.String({ maxLength: 300 }), { maxItems: 1000 });
export const UnpackResult = Type.Object({ ok: Type.Literal(true), imports: Modules });
export const TestResult = Type.Object({
  ok: Type.Literal(true), imports: Modules, how: Type.String({ maxLength: 300 }),
});
export type TestResult = Static<typeof TestResult>;
