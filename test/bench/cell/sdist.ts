import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { upstreamAddress } from '../../../orchestrator/adapters/upstream-address.ts';
import { upstreamHttp } from '../../../orchestrator/adapters/upstream-http.ts';
import type { Sdist } from './in-process.ts';

/** The sdist of a release, from the index that the host's pip is set to use. @errors throws when it has none */
export async function fetchSdist(project: string, version: string, folder: string): Promise<Sdist> {
  const http = await upstreamHttp(await upstreamAddress({ setting: null, home: folder, own: 'http://farm.example', env: process.env }));
  try {
    const page = http.pageUrl(project);
    const text = await (await http.get(page, { accept: 'text/html' })).text();
    const filename = `${project}-${version}.tar.gz`;
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => href);
    const link = links.find((href) => href.includes(`/${filename}`));
    if (!link) throw new Error(`the index has no sdist of ${project} ${version}`);
    const file = join(folder, filename);
    await writeFile(file, Buffer.from(await (await http.get(new URL(link, page).href)).arrayBuffer()));
    return { project, version, filename, file };
  } finally {
    await http.close();
  }
}
