import type { UpstreamIndex } from '../index-ports.ts';

/**
 * An upstream index that is opened at its first use: finding its address asks pip, which takes half a second, and may
 * fail on a machine whose images are still being made. A failed opening is tried again at the next use.
 */
export function lateUpstream(open: () => Promise<UpstreamIndex>): UpstreamIndex {
  let opening: Promise<UpstreamIndex> | null = null;
  const opened = (): Promise<UpstreamIndex> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  return {
    project: async (name) => (await opened()).project(name),
    fetch: async (file) => (await opened()).fetch(file),
    page: async (project) => (await opened()).page(project),
    file: async (sha256, filename) => (await opened()).file(sha256, filename),
    open: async (file) => (await opened()).open(file),
    metadata: async (file) => (await opened()).metadata(file),
    provenance: async (url) => (await opened()).provenance(url),
  };
}
