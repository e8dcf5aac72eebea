import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { bits, explicit, implicit, integer, octets, oid, sequence, set, time, truth, utf8 } from './der.ts';

/** How the root signs: ECDSA on its P-384 key with SHA-384. */
const ecdsaSha384 = sequence(oid('1.2.840.10045.4.3.3'));

/** A certificate authority that can issue: its key and the certificate that verifiers hold. */
export interface Issuer {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly name: string;
}

/** What a leaf certificate says about its holder. Names as in `FarmNames`. */
export interface LeafOrder {
  readonly publicKey: KeyObject;
  readonly identity: string;
  readonly oidcIssuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The key that stands in for a certificate transparency log. */
export interface CtKey {
  readonly key: KeyObject;
  readonly logId: Buffer;
}

/** Public key as DER SubjectPublicKeyInfo: what log ids and trust files are made of. */
export const spkiOf = (publicKey: KeyObject): Buffer => publicKey.export({ type: 'spki', format: 'der' });

/** Id of a log with an ECDSA key: SHA-256 of its public key (RFC 6962 section 3.2). */
export const logIdOf = (publicKey: KeyObject): Buffer => createHash('sha256').update(spkiOf(publicKey)).digest();

/**
 * A self-signed root for signing certificates, P-384.
 * @source Sigstore's certificate profile: keyCertSign and cRLSign only, CA, SKI, no extended key usage on a root
 */
export function rootCertificate(
  issuer: Issuer, validity: { readonly notBefore: Date; readonly notAfter: Date },
): Buffer {
  return signed(ecdsaSha384, issuer.key, tbsOf({
    algorithm: ecdsaSha384,
    serial: randomSerial(),
    issuer: nameOf(issuer.name),
    subject: nameOf(issuer.name),
    ...validity,
    publicKey: issuer.publicKey,
    extensions: [
      extension('2.5.29.15', bits(Buffer.from([0x06]), 1), 'critical'),
      extension('2.5.29.19', sequence(truth()), 'critical'),
      extension('2.5.29.14', octets(keyIdOf(issuer.publicKey))),
    ],
  }));
}

/**
 * A short-lived code signing certificate with one embedded signed certificate timestamp as its last extension.
 * @source Sigstore's certificate profile; RFC 6962 sections 3.2 and 3.3: the timestamp covers the rest
 */
export function leafCertificate(issuer: Issuer, ct: CtKey, order: LeafOrder): Buffer {
  const fields = {
    algorithm: ecdsaSha384,
    serial: randomSerial(),
    issuer: nameOf(issuer.name),
    subject: sequence(),
    notBefore: order.notBefore,
    notAfter: order.notAfter,
    publicKey: order.publicKey,
    extensions: leafExtensions(issuer, order),
  };
  const timestamp = signedTimestamp(ct, { issuer, tbs: tbsOf(fields), at: order.notBefore });
  const list = octets(lengthPrefixed(2, lengthPrefixed(2, timestamp)));
  const extensions = [...fields.extensions, extension('1.3.6.1.4.1.11129.2.4.2', list)];
  return signed(ecdsaSha384, issuer.key, tbsOf({ ...fields, extensions }));
}

/** PEM with lines of 64 characters: log entries carry the certificate in exactly this form. */
export function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function leafExtensions(issuer: Issuer, order: LeafOrder): Buffer[] {
  const fulcio = '1.3.6.1.4.1.57264.1';
  return [
    extension('2.5.29.15', bits(Buffer.from([0x80]), 7), 'critical'),
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.3'))),
    extension('2.5.29.14', octets(keyIdOf(order.publicKey))),
    extension('2.5.29.35', sequence(implicit(0, keyIdOf(issuer.publicKey)))),
    extension('2.5.29.17', sequence(implicit(6, Buffer.from(order.identity, 'ascii'))), 'critical'),
    extension(`${fulcio}.1`, Buffer.from(order.oidcIssuer, 'ascii')),   // the oldest member is a raw string, not DER
    extension(`${fulcio}.8`, utf8(order.oidcIssuer)),
    extension(`${fulcio}.9`, utf8(order.identity)),
    extension(`${fulcio}.11`, utf8('self-hosted')),
  ];
}

interface TbsFields {
  readonly algorithm: Buffer;
  readonly serial: Buffer;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

const tbsOf = (fields: TbsFields): Buffer => sequence(
  explicit(0, integer(Buffer.from([2]))),
  integer(fields.serial),
  fields.algorithm,
  fields.issuer,
  sequence(time(fields.notBefore), time(fields.notAfter)),
  fields.subject,
  spkiOf(fields.publicKey),
  explicit(3, sequence(...fields.extensions)),
);

const signed = (algorithm: Buffer, key: KeyObject, tbs: Buffer): Buffer =>
  sequence(tbs, algorithm, bits(sign('sha384', tbs, key)));

function signedTimestamp(
  ct: CtKey, over: { readonly issuer: Issuer; readonly tbs: Buffer; readonly at: Date },
): Buffer {
  const millis = Buffer.alloc(8);
  millis.writeBigUInt64BE(BigInt(over.at.getTime()));
  const issuerHash = createHash('sha256').update(spkiOf(over.issuer.publicKey)).digest();
  const noExtensions = Buffer.from([0, 0]);
  const toSign = Buffer.concat([
    Buffer.from([0, 0]), millis, Buffer.from([0, 1]), issuerHash, lengthPrefixed(3, over.tbs), noExtensions,
  ]);
  const ecdsaWithSha256 = Buffer.from([4, 3]);
  const signature = lengthPrefixed(2, sign('sha256', toSign, ct.key));
  return Buffer.concat([Buffer.from([0]), ct.logId, millis, noExtensions, ecdsaWithSha256, signature]);
}

function extension(id: string, value: Uint8Array, critical?: 'critical'): Buffer {
  return critical ? sequence(oid(id), truth(), octets(value)) : sequence(oid(id), octets(value));
}

function nameOf(commonName: string): Buffer {
  const attribute = (id: string, text: string): Buffer => set(sequence(oid(id), utf8(text)));
  return sequence(attribute('2.5.4.10', 'wheelfarm'), attribute('2.5.4.3', commonName));
}

/** @source RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the subject public key */
function keyIdOf(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([0x04]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return createHash('sha256').update(point).digest().subarray(0, 20);
}

function randomSerial(): Buffer {
  const serial = randomBytes(20);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

function lengthPrefixed(width: number, value: Uint8Array): Buffer {
  const prefix = Buffer.alloc(width);
  prefix.writeUIntBE(value.length, 0, width);
  return Buffer.concat([prefix, value]);
}
