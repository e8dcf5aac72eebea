import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { EditCheck, EditPreviewRequest } from '../contract/edits.ts';
import type { Resolution } from '../domain/resolution.ts';
import type { SdistBuild } from '../domain/sdist-build.ts';
import type { BlobStore } from '../ports.ts';
import { fileSource } from './archive/byte-source.ts';
import { readVirtual } from './archive/respin.ts';
import { composedBlobs } from './blobs-composed.ts';
import { draftOf, ordered, type Drafted, type EditsPorts, type Ordered } from './edits-request.ts';
import { sdistBuildOf, type SdistToBuild } from './edits-sdist-build.ts';
import { keepSdist } from './edits-sdist.ts';
import { requiresPythonOf } from './prisma/edit-claims.ts';
import type { StagedEdit } from './resolver/check-edit.ts';

/** Lets resolvers judge an edit that is in memory only, and remembers the answer until it is started. */
export interface PreviewChecks {
  check(request: EditPreviewRequest): Promise<EditCheck>;
  /** What was answered for this very edit of these very files; null where nobody asked. */
  known(made: Drafted): readonly Resolution[] | null;
  /** The wheels of an edit: those of an earlier question, where the release is what it was then. @errors as `drafted` */
  draft(request: EditPreviewRequest): Promise<Drafted>;
  /**
   * The wheels of this very edit as they were made for its preview a moment ago; whoever records it sees whether the release
   * is still what it was. Null where they have to be made.
   */
  made(request: EditPreviewRequest & { readonly basis: string }): Drafted | null;
  /** How the build of its patched sdist is by now; null where it has none, or nobody asked. */
  knownBuild(made: Drafted): Promise<SdistBuild | null>;
}

/** Judges a staged release; `blobs` has its wheels and METADATA, and every published file. */
export type Judge = (staged: StagedEdit, blobs: Pick<BlobStore, 'size' | 'stream'>) => Promise<readonly Resolution[]>;

/** Answers, and drafts, that are remembered. */
const keptMax = 200;
/** New bytes of wheels that are kept for the yes of a person, of all edits together. */
const madeBytesMax = 32 * 2 ** 20;

/** Kept of a check: the resolvers' answer, and the patched sdist as it lies in the blob store. */
interface Kept { readonly resolution: readonly Resolution[]; readonly sdist: SdistToBuild['sdist'] | null }

/** Checks of previews; answers are kept in this process only: an edit without one is checked before it is published. */
export function previewChecks(ports: EditsPorts, judge: Judge): PreviewChecks {
  const kept = new Map<string, Kept>();
  const drafts = new Map<string, Drafted>();
  /** The newest; older ones go as far as there is no room for them. */
  function keepMade(key: string, fresh: Drafted): void {
    drafts.delete(key);
    drafts.set(key, fresh);
    let bytes = 0;
    for (const [place, [old, one]] of [...drafts].toReversed().entries()) {
      bytes += one.draft.wheels.reduce((sum, { wheel }) => sum + wheel.own.length, 0);
      if (bytes > madeBytesMax || place >= keptMax) drafts.delete(old);
    }
  }
  async function draft(request: EditPreviewRequest): Promise<Drafted> {
    const order = await ordered(ports, request);
    const key = requestKey(request, order.source.basis);
    const before = drafts.get(key);
    const fresh = before && sameOrder(before, order) ? { ...order, draft: before.draft } : await draftOf(ports, order);
    keepMade(key, fresh);
    return fresh;
  }
  const buildOf = (made: Drafted, { sdist }: Kept): Promise<SdistBuild | null> => (sdist === null || !ports.builds
    ? Promise.resolve(null) : sdistBuildOf({ ...ports, ...ports.builds }, toBuild(made, sdist)));
  return {
    draft,
    known: (made) => kept.get(keyOf(made))?.resolution ?? null,
    made: (request) => drafts.get(requestKey(request, request.basis)) ?? null,
    async knownBuild(made) {
      const known = kept.get(keyOf(made));
      return known ? buildOf(made, known) : null;
    },
    async check(request) {
      const fresh = await draft(request);
      const key = keyOf(fresh);
      const known = kept.get(key);
      if (known) return { resolution: [...known.resolution], sdistBuilt: asView(await buildOf(fresh, known)) };
      const sdist = await keepSdist(ports.blobs, fresh.draft.sdist);
      const { project, version } = fresh.source;
      const answer = await judge({
        project, version, toVersion: fresh.toVersion, startedAt: ports.clock.now(), groups: fresh.draft.groups,
        wheels: fresh.draft.wheels.map(({ wheel }) => ({
          filename: wheel.filename, sha256: wheel.sha256, bytes: BigInt(wheel.bytes), metadataSha256: wheel.metadataSha256,
          requiresPython: requiresPythonOf(wheel.metadata),
        })),
      }, inMemory(ports, fresh));
      const oldest = kept.keys().next();
      if (kept.size >= keptMax && !oldest.done) kept.delete(oldest.value);
      const found: Kept = {
        resolution: answer,
        sdist: sdist && { filename: sdist.sdistFilename, sha256: sdist.sdistSha256, bytes: Number(sdist.sdistBytes) },
      };
      kept.set(key, found);
      return { resolution: [...answer], sdistBuilt: asView(await buildOf(fresh, found)) };
    },
  };
}

const asView = (build: SdistBuild | null): EditCheck['sdistBuilt'] => (build === null ? null : { ...build, fields: [...build.fields] });

const toBuild = ({ source: { project, version }, draft }: Drafted, sdist: SdistToBuild['sdist']): SdistToBuild => ({
  project, version, sdist,
  wheels: draft.wheels.map(({ wheel }) => ({ filename: wheel.filename, metadata: async () => wheel.metadata })),
});

/** What the basis does not say: the next post-release, and the sdist that is patched. */
const sameOrder = (left: Ordered, right: Ordered): boolean =>
  left.toVersion === right.toVersion && left.source.sdist?.sha256 === right.source.sdist?.sha256;

const requestKey = ({ what, mode, set, remove, bound, undo }: EditPreviewRequest, basis: string): string =>
  JSON.stringify([what, mode, set, remove, bound, undo ?? null, basis]);

const keyOf = ({ source, operations, toVersion }: Drafted): string =>
  createHash('sha256').update(JSON.stringify([source.project, source.version, source.basis, source.sdist?.sha256 ?? null, operations, toVersion])).digest('hex');

function inMemory({ blobs, database }: EditsPorts, { draft }: Drafted): Pick<BlobStore, 'size' | 'stream'> {
  const published = composedBlobs(blobs, database.pool);
  const wheels = new Map(draft.wheels.map((one) => [one.wheel.sha256, one]));
  const texts = new Map(draft.wheels.map(({ wheel }) => [wheel.metadataSha256, Buffer.from(wheel.metadata, 'utf8')]));
  return {
    size: async (sha256) => wheels.get(sha256)?.wheel.bytes ?? texts.get(sha256)?.length ?? published.size(sha256),
    async stream(sha256, range) {
      const [one, text] = [wheels.get(sha256), texts.get(sha256)];
      if (text) return Readable.from([text]);
      if (!one) return published.stream(sha256, range);
      const source = await fileSource(await blobs.path(one.source.base.sha256));
      return Readable.from(readVirtual(one.wheel, source), { objectMode: false }).once('close', () => void source.close());
    },
  };
}
