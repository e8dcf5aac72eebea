/** Shapes shared by the files that make, keep and load images. */

/** One line of recipes.json. `architecture` is the machine name of architectures.json. */
export interface Recipe {
  readonly name: string;
  readonly family: string;
  readonly suite: string;
  readonly python: string;
  readonly architecture: string;
  /** Package of the interpreter where it is not what the suite calls python3: `python3.15`. */
  readonly interpreter?: string;
  /** Docker's reference of an upstream image that is dressed instead of a Debian root; empty `suite`. */
  readonly from?: string;
  /** The image whose catalogue rows this one serves too, with more tools in it; made when a build needs them. */
  readonly like?: string;
  /** True where rustc is in it: the standard library of every row's machine is added. */
  readonly rust?: boolean;
  /** Another image in whose container this one is finished; absent: its own. */
  readonly finishedIn?: string;
  readonly packages: readonly string[];
  readonly files: readonly string[];
  /** Version of zig, where not that of requirements.txt: cross-debian/zig-<version>.txt pins it. */
  readonly zig?: string;
  /** True where nothing waits for it: rows are built without their tests until it is made, beside the first builds. */
  readonly late?: boolean;
  /** True where the interpreter is what `uv python` gives; `packages` have none. */
  readonly uv?: boolean;
  /** What is compiled in it: files of a Debian archive, and folders of libraries/. */
  readonly sources?: readonly { readonly path: string; readonly sha256: string }[];
  readonly libraries?: readonly string[];
  /** True where CPython's source package is needed: what only Windows has is nowhere else in Debian. */
  readonly pythonSource?: boolean;
  readonly expect: { readonly seconds: number; readonly bytes: number };
}

/** One line of architectures.json; fields that only the recipes read are left open. */
export interface Architecture {
  readonly debian: string;
  readonly docker: string;
  readonly dockerVariant?: string;
  readonly imageEnvironment?: readonly string[];
}

/** What a catalogue row must have for the images; the planner knows more of it. */
export interface ImageRow {
  readonly target: string;
  readonly image: string;
  readonly testImage: string | null;
  readonly test?: string;
  readonly python: string;
  readonly architecture: string;
  /** Absent where the image has a compiler of its own. */
  readonly zigTarget?: string;
  /** The target's interpreter in an image of upstream's. */
  readonly interpreter?: string;
}

/** What an interpreter said of itself in a test image (interpreter.py). */
export interface Interpreter {
  readonly python: string;
  readonly tags: readonly string[];
  readonly markers: Readonly<Record<string, string>>;
  readonly from: 'interpreter' | 'computed';
}

export interface PackageVersion {
  readonly name: string;
  readonly version: string;
  readonly sha256?: string;
}

/** record.json beside root.tar. `key` names the image everywhere; `tarSha256` is over root.tar. */
export interface ImageRecord {
  readonly name: string;
  readonly key: string;
  readonly tarSha256: string;
  readonly bytes: number;
  readonly python: string;
  readonly architecture: string;
  readonly packages: readonly PackageVersion[];
  readonly madeAt: string;
  /** Wall clock from the beginning to the end of its making, the waiting for images it needs included. */
  readonly seconds?: number;
  /** Digest of all recipe files: when it differs from today's, the image is made again. */
  readonly recipeSha256: string;
  /** Keys of the images this one was made from: test images whose interpreters it describes. */
  readonly madeFrom: Readonly<Record<string, string>>;
  /** The apt source list that answered, its addresses left out. */
  readonly archive: readonly string[];
  readonly interpreter?: Interpreter;
  /** Where root.tar lies; not stored. */
  readonly tarPath: string;
}

export interface Progress {
  readonly image: string;
  readonly step: string;
  readonly doneBytes?: number;
  readonly note?: string;
}

export interface MakeOptions {
  /** Images lie in <cacheFolder>/images/<name>, downloaded wheels in <cacheFolder>/wheels. */
  readonly cacheFolder: string;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Address of a Debian archive that replaces the one of apt's configuration (WHEELFARM_DEBIAN_MIRROR). */
  readonly debianMirror?: string;
  /** uv's own settings that say where interpreters come from: `uvSettings` of uv.ts. */
  readonly uv?: Readonly<Record<string, string | undefined>>;
  /** References that stand in for pinned ones, by image name: an image of this machine's Docker, for tests and mirrors. */
  readonly from?: Readonly<Record<string, string>>;
}
