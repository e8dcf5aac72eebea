/** Edits of published releases on a whole farm, from the API call to the signed listing, beside what people do today. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ApiClient } from '../../../orchestrator/cli/api-client.ts';
import type { EditCheck, EditPreview, EditView } from '../../../orchestrator/contract/edits.ts';
import type { ImportView } from '../../../orchestrator/contract/imports.ts';
import { apiOf } from '../../support/build.ts';
import { clientVenv } from '../../support/clients.ts';
import { run } from '../../support/clients-run.ts';
import { makeWheel } from '../../support/distributions.ts';
import { realWheel } from '../../support/edit-wheels.ts';
import { startFarm, type TestFarm } from '../../support/farm.ts';
import type { BenchCase, CaseOptions, CaseResult } from '../case.ts';
import { atLeast, atMost, measure, ratios, type Measure } from '../measure.ts';
import { stopped } from '../processes.ts';
import { repacked } from './edit.ts';

const execute = promisify(execFile);
const rootPassword = 'bench';
/** Every question costs the asked machine time too. */
const pollMs = 15;

export const editFarm: BenchCase = {
  name: 'edit-farm',
  compares: 'An edit of a published release from the API call to the signed listing, through Temporal, against wheel unpack, the '
    + 'same edit, wheel pack and `uv publish` to a devpi on the same machine.',
  run: benchEditFarm,
};

interface Stage { readonly farm: TestFarm; readonly api: ApiClient; readonly index: string; readonly devpi: string; readonly bin: string; readonly folder: string }

async function benchEditFarm({ short, say }: CaseOptions): Promise<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-bench-'));
  const bin = await clientVenv('edit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1']);
  const real = [await realWheel('cryptography==44.0.0'), ...(short ? [] : [await realWheel('pyarrow==18.1.0')])];
  const sixty = await manyWheels(join(folder, 'sixty'), short ? 4 : 60);
  const upstream = await serveWheels([...real, ...sixty, ...await requirements(join(folder, 'more'))]);
  const devpi = await startDevpi(join(folder, 'devpi'));
  const farm = await startFarm({ env: { FARM_UPSTREAM: upstream.url } });
  try {
    const stage = { farm, api: await apiOf(farm), index: (await farm.status()).index ?? '', devpi: devpi.url, bin, folder };
    const measures: Measure[] = [];
    for (const path of real) measures.push(...await raced(stage, path, { rounds: short ? 2 : path.includes('pyarrow') ? 3 : 7, say }));
    const whole = await wholeRelease(stage, sixty.length, { rounds: short ? 1 : 3, say });
    measures.push(measure(`${sixty.length} wheels of 10 MB edited: resolved by uv and pip, signed and visible`, 's', whole, atMost(10)));
    return {
      measures,
      notes: [
        'Ours: POST /api/edits until the JSON page lists the new file with its provenance, asked every 15 ms; preview and resolvers ran before, as they '
          + 'do before the yes of a person. Theirs: three processes and the upload, until the page lists the file; nothing is signed or resolved.',
        'The release of many wheels: POST /api/edits without a check before, so that the resolvers’ time is in it; every wheel has its own bytes.',
      ],
    };
  } finally {
    await farm.stop();
    await devpi.stop();
    upstream.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Both sides in turn, round by round. */
async function raced(stage: Stage, path: string, { rounds, say }: { rounds: number; say: CaseOptions['say'] }): Promise<Measure[]> {
  const [part = '', version = ''] = basename(path).split('-');
  const name = part.replaceAll('_', '-');
  await imported(stage, `${name}==${version}`);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const seconds = await delivered(stage, `${name}==${version}`, { set: `Requires-Python: >=3.${4 + round % 3},<3.${30 + round}`, check: true, files: 1 });
    const peer = await published(stage, { path, name, build: round + 1 });
    say(`${name}: ${seconds.toFixed(2)} s against ${peer.toFixed(2)} s${round === 0 ? ' (warm-up)' : ''}`);
    if (round > 0) { ours.push(seconds); theirs.push(peer); }
  }
  const megabytes = ((await stat(path)).size / 1e6).toFixed(1);
  return [
    measure(`${name} (${megabytes} MB): unpack, edit, pack and publish over our edit`, 'ratio', ratios(theirs, ours), atLeast(name === 'pyarrow' ? 40 : 10)),
    measure(`${name}: our edit, API call to signed listing`, 's', ours),
    measure(`${name}: unpack, edit, pack, uv publish, listed`, 's', theirs),
  ];
}

async function wholeRelease(stage: Stage, files: number, { rounds, say }: { rounds: number; say: CaseOptions['say'] }): Promise<number[]> {
  await imported(stage, 'bench-many==1.0');
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    seconds.push(await delivered(stage, 'bench-many==1.0', { set: `Requires-Dist: bench-dep<${9 + round}`, check: false, files }));
    say(`${files} wheels: ${seconds.at(-1)?.toFixed(2)} s`);
  }
  return seconds;
}

async function imported({ api }: Stage, what: string): Promise<void> {
  let view = await api.post<ImportView>('/imports', { what, by: 'bench' });
  while (view.state === 'running') {
    await sleep(200);
    view = await api.get<ImportView>(`/imports/${view.id}`);
  }
  if (view.state !== 'published') throw new Error(`${what} was not imported: ${JSON.stringify(view.failure)}`);
}

/** One edit until its files are listed with their provenance. @unit seconds */
async function delivered(stage: Stage, what: string, { set, check, files }: { set: string; check: boolean; files: number }): Promise<number> {
  const { api, index } = stage;
  const request = { what, mode: 'respin', set: [set], remove: [], bound: [] };
  const preview = await api.post<EditPreview>('/edits/preview', request);
  if (check) {
    const { resolution } = await api.post<EditCheck>('/edits/check', request);
    if (resolution.some(({ state }) => state !== 'resolved')) throw new Error(JSON.stringify(resolution));
  }
  const wanted = new Set(preview.files.map(({ filename }) => filename));
  const began = performance.now();
  const edit = await api.post<EditView>('/edits', { ...request, basis: preview.basis, why: 'a benchmark', by: 'bench' });
  for (;;) {
    const page = await listing(index, preview.project);
    if (page.filter(({ filename, provenance }) => wanted.has(filename) && provenance !== null).length === files) break;
    if (performance.now() - began > 120_000) throw new Error(`not listed: ${JSON.stringify(await api.get(`/edits/${edit.id}`))}`);
    await sleep(pollMs);
  }
  const seconds = (performance.now() - began) / 1000;
  for (let view = edit; view.state === 'running'; await sleep(20)) view = await api.get<EditView>(`/edits/${edit.id}`);
  const { resolution } = await api.get<EditView>(`/edits/${edit.id}`);
  if (resolution.length === 0 || resolution.some(({ state }) => state === 'conflict')) throw new Error(JSON.stringify(resolution));
  return seconds;
}

async function listing(index: string, name: string): Promise<readonly { filename: string; provenance: string | null }[]> {
  const answer = await fetch(`${index}${name}/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
  return (await answer.json() as { files: { filename: string; provenance: string | null }[] }).files;
}

/** What people do today, until the other index lists the file. @unit seconds */
async function published({ bin, devpi, folder }: Stage, { path, name, build }: { path: string; name: string; build: number }): Promise<number> {
  const work = await mkdtemp(join(folder, 'peer-'));
  const began = performance.now();
  const made = await repacked({ bin, path, folder: work, build });
  const sent = await run(join(bin, 'uv'), ['publish', '-q', '--publish-url', `${devpi}root/bench/`, '--username', 'root', '--password', rootPassword, made]);
  if (sent.code !== 0) throw new Error(sent.output);
  const page = await (await fetch(`${devpi}root/bench/+simple/${name}/`)).text();
  if (!page.includes(basename(made))) throw new Error(`${basename(made)} is not listed: ${page.slice(0, 400)}`);
  const seconds = (performance.now() - began) / 1000;
  await rm(work, { recursive: true });
  return seconds;
}

/** A devpi with one empty index, `root/bench`. */
async function startDevpi(folder: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const bin = await clientVenv('devpi', ['devpi-server==6.20.3']);
  await execute(join(bin, 'devpi-init'), ['--serverdir', folder, '--no-root-pypi', '--root-passwd', rootPassword], { maxBuffer: 1 << 26 });
  const port = await freePort();
  const child = spawn(join(bin, 'devpi-server'), ['--serverdir', folder, '--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/`;
  const stop = (): Promise<void> => stopped(child, 'SIGTERM');
  try {
    for (let tries = 0; !await fetch(`${url}+api`).then(({ ok }) => ok, () => false); tries += 1) {
      if (tries > 600) throw new Error('devpi does not answer');
      await sleep(100);
    }
    const json = { 'content-type': 'application/json', accept: 'application/json' };
    const login = await fetch(`${url}+login`, { method: 'POST', headers: json, body: JSON.stringify({ user: 'root', password: rootPassword }) });
    const { result: { password } } = await login.json() as { result: { password: string } };
    const made = await fetch(`${url}root/bench`, {
      method: 'PUT', headers: { ...json, 'x-devpi-auth': Buffer.from(`root:${password}`).toString('base64') },
      body: JSON.stringify({ type: 'stage', bases: [], volatile: true }),
    });
    if (!made.ok) throw new Error(`devpi made no index: ${await made.text()}`);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  const { port } = server.address() as { port: number };
  await new Promise((done) => { server.close(done); });
  return port;
}

/** Small wheels that the releases require. */
async function requirements(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const made = [['cffi', '1.17.1'], ['bench-dep', '1.0']].map(([name = '', version = '']) => makeWheel({ name, version }));
  return Promise.all(made.map(async ({ filename, bytes }) => {
    await writeFile(join(folder, filename), bytes);
    return join(folder, filename);
  }));
}

/** An index upstream that has these files. */
async function serveWheels(paths: readonly string[]): Promise<{ readonly url: string; close(): void }> {
  const files = await Promise.all(paths.map(async (path) => ({
    path, filename: basename(path), project: (basename(path).split('-')[0] ?? '').replaceAll('_', '-').toLowerCase(), size: (await stat(path)).size,
    sha256: createHash('sha256').update(await readFile(path)).digest('hex'),
  })));
  const server = createServer((request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    if (kind === 'simple') {
      const found = files.filter(({ project }) => project === name);
      response.writeHead(found.length > 0 ? 200 : 404, { 'content-type': 'application/vnd.pypi.simple.v1+json' });
      response.end(JSON.stringify({
        meta: { 'api-version': '1.0' }, name, files: found.map(({ filename, sha256, size }) => ({ filename, url: `/files/${filename}`, hashes: { sha256 }, size })),
      }));
      return;
    }
    const file = files.find(({ filename }) => filename === name);
    response.writeHead(file ? 200 : 404, file ? { 'content-length': file.size } : {});
    if (file) createReadStream(file.path).pipe(response);
    else response.end();
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/simple/`,
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

const platforms = ['manylinux_2_17_x86_64', 'manylinux_2_17_aarch64', 'manylinux_2_17_armv7l', 'manylinux_2_17_ppc64le', 'manylinux_2_17_s390x',
  'manylinux_2_17_i686', 'musllinux_1_2_x86_64', 'musllinux_1_2_aarch64', 'macosx_11_0_arm64', 'macosx_10_12_x86_64', 'win_amd64', 'win32'];

/** A release of wheels with 10 MB of bytes that do not compress, each other ones. */
async function manyWheels(folder: string, count: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const tags = ['cp310', 'cp311', 'cp312', 'cp313', 'cp314'].flatMap((python) => platforms.map((platform) => `${python}-${python}-${platform}`)).slice(0, count);
  await execute('python3', ['-c', makeMany, folder, ...tags]);
  return (await readdir(folder)).toSorted().map((filename) => join(folder, filename));
}

const makeMany = `
import base64, hashlib, os, sys, zipfile
for tag in sys.argv[2:]:
    info = 'bench_many-1.0.dist-info'
    members = {'bench_many/data.bin': os.urandom(10_000_000), 'bench_many/__init__.py': b'',
        f'{info}/METADATA': b'Metadata-Version: 2.1\\nName: bench-many\\nVersion: 1.0\\nRequires-Python: >=3.9\\nRequires-Dist: bench-dep>=1\\n\\n',
        f'{info}/WHEEL': f'Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: false\\nTag: {tag}\\n'.encode()}
    record = ''.join(f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\\n" for path, data in members.items())
    members[f'{info}/RECORD'] = (record + f'{info}/RECORD,,\\n').encode()
    with zipfile.ZipFile(os.path.join(sys.argv[1], f'bench_many-1.0-{tag}.whl'), 'w') as wheel:
        for path, data in members.items():
            wheel.writestr(path, data)
`;
