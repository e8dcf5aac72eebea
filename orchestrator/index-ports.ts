/** The doors behind the index routes: what they serve comes through these. Adapters implement them. */
import type { Upstream, UpstreamFileView } from './ports.ts';

/** A page as it goes out. Buffers are made once, when the page changes; ETags stand in quotes. */
export interface ServedPage {
  readonly project: string;
  /** Serial of the publish that wrote it; 0 for pages that this farm did not write. */
  readonly serial: number;
  readonly json: Buffer;
  readonly html: Buffer;
  readonly etagJson: string;
  readonly etagHtml: string;
}

/** A published file as its page lists it. */
export interface ListedFile {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly metadataSha256: string | null;
}

/**
 * The farm's own pages. Laws: a page is swapped whole, so a reader sees the old or the new one; a name that the farm
 * answers for has a page, an empty one before its first publish, and stays known while the database is away.
 */
export interface IndexPages {
  /** Null where the farm does not answer for the name. @errors FARM_NOT_UP where that cannot be known */
  page(project: string): Promise<ServedPage | null>;
  /** The list of projects. */
  list(): ServedPage;
  names(): readonly string[];
  /** A published file by its name; null for every other name. */
  file(filename: string): Promise<ListedFile | null>;
  /** The newest serial that this plane serves. */
  serial(): number;
}

/** An upstream file on its way: `bytes` is null where upstream did not say. */
export interface OpenDownload {
  readonly stream: NodeJS.ReadableStream;
  readonly bytes: number | null;
}

/** The upstream index as the proxy shows it: links lead to this farm. */
export interface UpstreamIndex extends Upstream {
  /** `stale` where upstream did not answer and an older page is given. @errors FARM_UPSTREAM_UNREACHABLE */
  page(project: string): Promise<{ readonly page: ServedPage; readonly stale: boolean } | null>;
  /** A file that stands or stood on an upstream page. */
  file(sha256: string, filename: string): Promise<UpstreamFileView | null>;
  /**
   * The bytes as they come in; readers of the same file share one download. The end is held back until the digest is
   * checked: wrong bytes end as a broken transfer and are not kept.
   * @errors FARM_UPSTREAM_UNREACHABLE before the first byte
   */
  open(file: UpstreamFileView): Promise<OpenDownload>;
  /** Digest of the blob with the file's METADATA, checked against the page; null where upstream offers none. */
  metadata(file: UpstreamFileView): Promise<string | null>;
  /** The PEP 740 provenance object at an address that upstream named, as it was answered; null where there is none. */
  provenance(url: string): Promise<unknown>;
}

/** What was signed about published files. */
export interface IndexStatements {
  /** Sigstore bundle as JSON text; `best` is the provenance where there is one, else the publish attestation. */
  bundle(fileSha256: string, kind: 'publish' | 'provenance' | 'best'): Promise<string | null>;
  /** PEP 740 provenance object as JSON text. */
  provenance(project: string, version: string, filename: string): Promise<string | null>;
}
