/** A tiny wheel that is right in every respect and does nothing: what the scripted backend builds. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { filenamePart, normalizeName } from '../../orchestrator/domain/names.ts';
import { platformOf } from '../../orchestrator/domain/plan.ts';

export interface NoOpWheel { readonly filename: string; readonly platformTag: string; readonly bytes: Uint8Array }

/** The platform tag of a target at its floor: `manylinux_x86_64` becomes `manylinux_2_17_x86_64`. */
export function floorTag(target: string): string {
  return platformOf(target)
    .replace(/^manylinux_(?!\d)/, 'manylinux_2_17_').replace(/^musllinux_(?!\d)/, 'musllinux_1_2_');
}

/** The wheel of a target, the same bytes every time. The target's Python is its python and abi tag. */
export function noOpWheel(project: string, version: string, target: string): NoOpWheel {
  const name = filenamePart(normalizeName(project));
  const platformTag = floorTag(target);
  const python = target.slice(0, target.indexOf('-'));
  const tag = `${python.replace(/t$/, '')}-${python}-${platformTag}`;
  const folder = `${name}-${version}.dist-info`;
  const members: [string, string][] = [
    [`${name}/__init__.py`, ''],
    [`${folder}/METADATA`, `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n`],
    [`${folder}/WHEEL`, `Wheel-Version: 1.0\nGenerator: wheelfarm-scripted\nRoot-Is-Purelib: false\nTag: ${tag}\n`],
  ];
  const lines = members.map(([path, text]) =>
    `${path},sha256=${createHash('sha256').update(text).digest('base64url')},${Buffer.byteLength(text)}\n`);
  const record = `${folder}/RECORD`;
  return {
    filename: `${name}-${version}-${tag}.whl`, platformTag,
    bytes: storedZip([...members, [record, `${lines.join('')}${record},,\n`]]),
  };
}

/** 1980-01-01 as a zip writes dates. */
const zipDate = 0x21;

/** A zip of stored members. @source APPNOTE.TXT 4.3: local headers, central directory, end record */
export function storedZip(members: readonly (readonly [path: string, text: string])[]): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let at = 0;
  for (const [path, text] of members) {
    const name = Buffer.from(path);
    const body = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(zipDate, 8);
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, body]);
    const after = Buffer.alloc(14);
    after.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    after.writeUInt32LE(at, 10);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, after, name]));
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}
