/**
 * The worker's HTTP door, `/worker/*`: the only way, beside Temporal, in which the build plane and the control plane
 * meet. Every request carries `authorization: Bearer <worker token>`; every request about a lease also carries
 * `x-lease-secret`. The secret stands in no Temporal payload. There is no listing.
 *
 *   POST /worker/leases                          LeaseRequest  -> LeaseGrant | 409 FARM_LEASE_STALE | 410 (cell ended)
 *   GET  /worker/leases/:id/inputs/:sha256       bytes of an input of this lease (sdist, image root tar, wheel)
 *   PUT  /worker/leases/:id/outputs/:sha256      bytes; hash and size checked while writing -> Stored
 *   POST /worker/leases/:id/log?offset=N         bytes -> LogOffset; a wrong offset answers 409 with the right one
 *   POST /worker/leases/:id/events               StepEvent, or several in a list -> 204
 *   POST /worker/leases/:id/lock                 LockReport -> LockAnswer
 *   POST /worker/leases/:id/outcome              BuildOutcome | TestOutcome | SdistOutcome -> 204
 *   POST /worker/leases/:id/end                  LastWords: the outcome with what was not sent before it -> 204
 */
import { Type, type Static } from 'typebox';
import { limits } from './limits.ts';

const Sha256Text = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 0 });
const StepName = Type.String({ maxLength: 16 });

export const FailureShape = Type.Object({
  code: Type.String({ pattern: '^FARM_[A-Z_]+$' }),
  step: StepName,
  blame: Type.String(),
  retry: Type.String(),
  message: Type.String({ maxLength: 4000 }),
  next: Type.String({ maxLength: 1000 }),
  evidence: Type.Optional(Type.Object({
    file: Type.Optional(Type.String({ maxLength: 400 })),
    line: Type.Optional(Count),
    text: Type.String({ maxLength: 4000 }),
  })),
});

/** `kind` `sdist` makes an sdist from a folder; `build` and `test` are a cell's activities. */
export const LeaseRequest = Type.Object({
  kind: Type.Union([Type.Literal('sdist'), Type.Literal('build'), Type.Literal('test')]),
  /** A build id for `build` and `test`; a source id for `sdist`. */
  id: Type.String({ maxLength: 64 }),
  /** Empty for `sdist`. */
  target: Type.String({ maxLength: 80 }),
  /** Temporal's attempt number of the activity, from 1; a lease of an older delivery is refused for ever. */
  delivery: Type.Integer({ minimum: 1 }),
  worker: Type.String({ maxLength: 80 }),
});
export type LeaseRequest = Static<typeof LeaseRequest>;

export const ImageInput = Type.Object({
  name: Type.String(), key: Sha256Text, tarSha256: Sha256Text, bytes: Count,
});
export type ImageInput = Static<typeof ImageInput>;

export const BlobInput = Type.Object({ sha256: Sha256Text, filename: Type.String(), bytes: Count });
export type BlobInput = Static<typeof BlobInput>;

export const LimitsShape = Type.Object({
  memoryBytes: Count, workBytes: Count, pidsMax: Count, stepMsMax: Count, silenceMsMax: Count, logBytesMax: Count,
});

/** What a worker must know to build one cell. */
export const BuildSpec = Type.Object({
  kind: Type.Literal('build'),
  attemptId: Type.String(),
  project: Type.String(),
  version: Type.String(),
  target: Type.String(),
  python: Type.String(),
  image: ImageInput,
  source: BlobInput,
  sourceDateEpoch: Count,
  /** Requirements uploaded later are not chosen. ISO 8601. */
  cutoff: Type.String(),
  limits: LimitsShape,
  /** The whole catalogue row that was taken: platform tag, compiler target and whatever else it says. */
  row: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  /** BuildOptions of domain/cell-options.ts: what the project asks for. */
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type BuildSpec = Static<typeof BuildSpec>;

export const TestSpec = Type.Object({
  kind: Type.Literal('test'),
  attemptId: Type.String(),
  project: Type.String(),
  version: Type.String(),
  target: Type.String(),
  python: Type.String(),
  /** `native` runs pip in the test image; `qemu` imports there what the build image's pip has unpacked. */
  runner: Type.Union([Type.Literal('native'), Type.Literal('qemu')]),
  image: ImageInput,
  /** The build image of the row: has pip, the tags and markers of the target, and network tools. */
  toolImage: ImageInput,
  wheel: BlobInput,
  cutoff: Type.String(),
  limits: LimitsShape,
  row: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  /** TestOptions of domain/cell-options.ts, and the sdist that has the tests; absent where the project names none. */
  suite: Type.Optional(Type.Object({ source: BlobInput, options: Type.Record(Type.String(), Type.Unknown()) })),
});
export type TestSpec = Static<typeof TestSpec>;

/** A repository at one commit. */
export const GitSpec = Type.Object({
  url: Type.String(), commit: Type.String({ pattern: '^[0-9a-f]{40}$' }),
  /** Folder of the project; empty for the root. */
  subdirectory: Type.String(),
  /** An image with git, in which it is cloned. */
  image: ImageInput,
  /** Authorization header for a private repository: for `url` alone, given by environment, written nowhere. */
  authorization: Type.Optional(Type.String({ maxLength: 2_000 })),
});
export type GitSpec = Static<typeof GitSpec>;

/** Makes the sdist of a folder: `source` is a .tar.gz of it, or `git` says what to clone. */
export const SdistSpec = Type.Object({
  kind: Type.Literal('sdist'),
  attemptId: Type.String(),
  image: ImageInput,
  source: Type.Optional(BlobInput),
  git: Type.Optional(GitSpec),
  /** Assignment[] of domain/shell-words.ts: of a release that gets another version. */
  environment: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
  /** `source` is an sdist already: its wheel is built once, and is the outcome's `sdist`. The rest is as of BuildSpec. */
  wheel: Type.Optional(Type.Object({
    project: Type.String(), version: Type.String(), target: Type.String(), python: Type.String(),
    row: Type.Record(Type.String(), Type.Unknown()), options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  })),
  sourceDateEpoch: Count,
  cutoff: Type.String(),
  limits: LimitsShape,
});
export type SdistSpec = Static<typeof SdistSpec>;

export const LeaseGrant = Type.Object({
  leaseId: Type.String(),
  secret: Type.String(),
  /** Where the log goes on; more than 0 after an earlier delivery. */
  logOffset: Count,
  spec: Type.Union([BuildSpec, TestSpec, SdistSpec]),
  /** Small inputs, so that they need no request of their own: base64 by digest. */
  small: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** No other attempt was begun for this target of this release: nothing can be known, the lock comes with the end. */
  first: Type.Optional(Type.Boolean()),
});
export type LeaseGrant = Static<typeof LeaseGrant>;

export const Stored = Type.Object({ sha256: Sha256Text, bytes: Count });
export const LogOffset = Type.Object({ offset: Count });

export const StepEvent = Type.Object({
  step: StepName,
  state: Type.Union([Type.Literal('started'), Type.Literal('ended')]),
  /** Wall-clock milliseconds of the step, when it has ended. */
  ms: Type.Optional(Count),
  note: Type.Optional(Type.String({ maxLength: 400 })),
});
export type StepEvent = Static<typeof StepEvent>;
/** What happened while the worker waited for an answer goes in one request. */
export const StepEvents = Type.Union([StepEvent, Type.Array(StepEvent, { minItems: 1, maxItems: 100 })]);
export type StepEvents = Static<typeof StepEvents>;

export const LockedShape = Type.Object({
  name: Type.String({ maxLength: 200 }), version: Type.String({ maxLength: 100 }),
  filename: Type.String({ maxLength: 300 }), sha256: Sha256Text,
});
export const LockReport = Type.Object({ lock: Type.Array(LockedShape, { maxItems: 500 }) });
export type LockReport = Static<typeof LockReport>;

/**
 * `known` true: an attempt with this key ended before, well or by the project's fault; the worker stops, the control
 * plane has recorded the same for this attempt, and `state` says which it was.
 */
export const LockAnswer = Type.Object({
  attemptKey: Sha256Text, known: Type.Boolean(),
  state: Type.Optional(Type.Union([Type.Literal('succeeded'), Type.Literal('failed')])),
});
export type LockAnswer = Static<typeof LockAnswer>;

/** The external library that a grafted file was compiled from. */
export const GraftedFrom = Type.Object({
  name: Type.String({ maxLength: 200 }), version: Type.String({ maxLength: 100 }), purl: Type.String({ maxLength: 300 }),
  /** SPDX expression. */
  licence: Type.String({ maxLength: 200 }),
});
export type GraftedFrom = Static<typeof GraftedFrom>;
/** A library that was given to the linker; `sha256` is of its source. */
export const LinkedLibrary = Type.Object({ ...GraftedFrom.properties, sha256: Sha256Text });
export type LinkedLibrary = Static<typeof LinkedLibrary>;
export const GraftedLibrary = Type.Object({
  /** Path in the wheel. */
  path: Type.String(), sha256: Sha256Text, soname: Type.Optional(Type.String()), library: Type.Optional(GraftedFrom),
});

export const BuildOutcome = Type.Union([
  Type.Object({
    kind: Type.Literal('build'), state: Type.Literal('succeeded'),
    wheel: BlobInput,
    /** How often the compiler wrappers were called, and how often they failed. */
    compilerCalls: Count,
    compilerFailures: Count,
    /** What was looked for while building and is not there, said in the result: `built without libyaml`. */
    notes: Type.Array(Type.String({ maxLength: 300 }), { maxItems: 20 }),
    /** What audit saw: tag after repair, floor, machine types. Free form, for people and the page. */
    audit: Type.Record(Type.String(), Type.Unknown()),
    grafted: Type.Array(GraftedLibrary, { maxItems: 500 }),
    /** External libraries that are part of its binaries instead: on platforms where none is grafted. */
    linked: Type.Optional(Type.Array(LinkedLibrary, { maxItems: 100 })),
    /** `glibc 2.36`: the floor of the wheel where binaries of Debian raised it above that of the row. */
    floor: Type.Optional(Type.String({ pattern: '^glibc [0-9]+\\.[0-9]+$' })),
  }),
  Type.Object({ kind: Type.Literal('build'), state: Type.Literal('failed'), failure: FailureShape }),
  Type.Object({ kind: Type.Literal('build'), state: Type.Literal('cancelled') }),
]);
export type BuildOutcome = Static<typeof BuildOutcome>;

export const TestOutcome = Type.Union([
  Type.Object({
    kind: Type.Literal('test'),
    tested: Type.Union([Type.Literal('passed'), Type.Literal('failed'), Type.Literal('no-requirement')]),
    /** How it was done, in words: `pip install --no-index, 2 imports` or `unpacked, imported under qemu`. */
    how: Type.String({ maxLength: 300 }),
    imports: Type.Array(Type.String({ maxLength: 300 }), { maxItems: 1000 }),
    lock: Type.Array(LockedShape, { maxItems: 500 }),
    failure: Type.Optional(FailureShape),
  }),
  Type.Object({ kind: Type.Literal('test'), state: Type.Literal('cancelled') }),
]);
export type TestOutcome = Static<typeof TestOutcome>;

export const SdistOutcome = Type.Union([
  Type.Object({ kind: Type.Literal('sdist'), state: Type.Literal('succeeded'), sdist: BlobInput,
    /** Of a clone: what was checked out. */
    git: Type.Optional(Type.Object({
      commit: Type.String({ pattern: '^[0-9a-f]{40}$' }), commitTime: Count,
      submodules: Type.Array(Type.Object({
        path: Type.String({ maxLength: 400 }), url: Type.String({ maxLength: 400 }), commit: Type.String({ pattern: '^[0-9a-f]{40}$' }),
      }), { maxItems: 200 }),
    })),
  }),
  Type.Object({ kind: Type.Literal('sdist'), state: Type.Literal('failed'), failure: FailureShape }),
  Type.Object({ kind: Type.Literal('sdist'), state: Type.Literal('cancelled') }),
]);
export type SdistOutcome = Static<typeof SdistOutcome>;

export const Outcome = Type.Union([BuildOutcome, TestOutcome, SdistOutcome]);
export type Outcome = Static<typeof Outcome>;

const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: Math.ceil(limits.smallBytesMax / 3) * 4 });

/**
 * The end of a delivery in one request: the step events and log bytes that were not sent before, an output that is small
 * (limits.smallBytesMax), a lock that nobody had to answer, and the outcome.
 */
export const LastWords = Type.Object({
  outcome: Outcome,
  events: Type.Optional(Type.Array(StepEvent, { maxItems: 100 })),
  log: Type.Optional(Type.Object({ offset: Count, bytes: Base64 })),
  output: Type.Optional(Type.Object({ sha256: Sha256Text, bytes: Base64 })),
  /** Of a build whose grant said `first`. */
  lock: Type.Optional(LockReport.properties.lock),
});
export type LastWords = Static<typeof LastWords>;
