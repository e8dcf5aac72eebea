/** Small wheels and sdists for tests: right in form, made in memory. */
import { createHash } from 'node:crypto';
import { deflateRawSync, crc32, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface MadeDistribution {
  readonly filename: string;
  readonly bytes: Buffer;
  /** METADATA or PKG-INFO. */
  readonly metadata: string;
  readonly requiresPython: string | null;
}

interface Wanted {
  readonly name: string;
  readonly version: string;
  readonly requires?: readonly string[];
  readonly requiresPython?: string | null;
  /** Of the sdist: build-system.requires. */
  readonly buildRequires?: readonly string[];
  /** Of the sdist: its pyproject.toml, in place of one with a back end of its own. */
  readonly pyproject?: string;
  /** Ends up in the module, so that other bytes come out. */
  readonly content?: string;
  /** Of the wheel: `py3-none-any` where absent. */
  readonly tag?: string;
  /** Build tag of the wheel. */
  readonly build?: string;
}

const metadataOf = ({ name, version, requires = [], requiresPython = null }: Wanted): string => [
  'Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`,
  ...(requiresPython === null ? [] : [`Requires-Python: ${requiresPython}`]),
  ...requires.map((one) => `Requires-Dist: ${one}`), '', '',
].join('\n');

const moduleOf = (name: string): string => name.replaceAll('-', '_');

/** A pure wheel with one module whose `value` is `content`. */
export function makeWheel(wanted: Wanted): MadeDistribution {
  const stem = `${moduleOf(wanted.name)}-${wanted.version}`;
  const metadata = metadataOf(wanted);
  const tag = wanted.tag ?? 'py3-none-any';
  const members: [string, string][] = [
    [`${moduleOf(wanted.name)}.py`, `value = ${JSON.stringify(wanted.content ?? '')}\n`],
    [`${stem}.dist-info/METADATA`, metadata],
    [`${stem}.dist-info/WHEEL`, `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n${wanted.build ? `Build: ${wanted.build}\n` : ''}Tag: ${tag}\n`],
  ];
  const record = members.map(([path, text]) =>
    `${path},sha256=${createHash('sha256').update(text).digest('base64url')},${Buffer.byteLength(text)}\n`);
  members.push([`${stem}.dist-info/RECORD`, `${record.join('')}${stem}.dist-info/RECORD,,\n`]);
  return {
    filename: `${stem}-${wanted.build ? `${wanted.build}-` : ''}${tag}.whl`, bytes: zipOf(members), metadata, requiresPython: wanted.requiresPython ?? null,
  };
}

/** An sdist that setuptools could build; nobody does so here. */
export async function makeSdist(wanted: Wanted): Promise<MadeDistribution> {
  const stem = `${moduleOf(wanted.name)}-${wanted.version}`;
  const metadata = metadataOf(wanted);
  const archive = pack();
  archive.entry({ name: `${stem}/PKG-INFO` }, metadata);
  archive.entry({ name: `${stem}/pyproject.toml` }, wanted.pyproject
    ?? `[build-system]\nrequires = ${JSON.stringify(wanted.buildRequires ?? [])}\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "${wanted.name}"\nversion = "${wanted.version}"\n`);
  archive.entry({ name: `${stem}/backend.py` }, backend(stem, metadata));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return { filename: `${stem}.tar.gz`, bytes: gzipSync(Buffer.concat(chunks)), metadata, requiresPython: wanted.requiresPython ?? null };
}

/** Enough of PEP 517 for `pip download`, which asks an sdist for its metadata. */
const backend = (stem: string, metadata: string): string => `
import os
def prepare_metadata_for_build_wheel(folder, settings=None):
    name = ${JSON.stringify(`${stem}.dist-info`)}
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, 'METADATA'), 'w') as file:
        file.write(${JSON.stringify(metadata)})
    return name
def build_wheel(folder, settings=None, metadata=None):
    raise RuntimeError('nobody builds this')
`;

/** @source APPNOTE 6.3; names in ASCII, no data descriptors */
function zipOf(members: readonly [string, string][]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of members) {
    const bytes = Buffer.from(text);
    const packed = deflateRawSync(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(0x00210000, 6);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(0o100644 * 0x10000, 6);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, tail, Buffer.from(name));
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}
