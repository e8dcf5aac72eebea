import { describe, expect, it } from 'vitest';
import { containerOptions } from '../../../workers/backend/box-spec.ts';
import { howEnded, parseProbe, parseResult } from '../../../workers/backend/counters.ts';
import { dockerFailure } from '../../../workers/backend/docker-errors.ts';
import { frameReader, tail } from '../../../workers/backend/frames.ts';
import { networkMode, pipEnvironment } from '../../../workers/backend/host-network.ts';
import { importedId } from '../../../workers/image-store.ts';
import { cellLimits } from '../../../orchestrator/contract/limits.ts';

const none = { oomKills: 0, pidsRefused: 0, workBytesFree: 1e9, resultText: '{}' };
const facts = { code: 1, before: none, after: none, wantsResult: true, logTail: '' };

describe('how a command ended', () => {
  it('calls a success a success, whatever was refused on the way', () => {
    expect(howEnded({ ...facts, code: 0, after: { ...none, oomKills: 3, pidsRefused: 9, workBytesFree: 0 } })).toBe('exit');
  });
  it('sees a compiler that was killed for memory behind a plain exit status', () => {
    expect(howEnded({ ...facts, after: { ...none, oomKills: 1 } })).toBe('memory');
  });
  it('does not blame an earlier step again', () => {
    expect(howEnded({ ...facts, before: { ...none, oomKills: 1 }, after: { ...none, oomKills: 1 } })).toBe('exit');
  });
  it('sees a full folder, and one that was tidied up', () => {
    expect(howEnded({ ...facts, after: { ...none, workBytesFree: 4096 } })).toBe('disk');
    expect(howEnded({ ...facts, logTail: 'OSError: [Errno 28] No space left on device' })).toBe('disk');
  });
  it('sees refused forks, also where the shell said 0 but wrote no result', () => {
    expect(howEnded({ ...facts, code: 0, after: { ...none, pidsRefused: 2, resultText: null } })).toBe('pids');
    expect(howEnded({ ...facts, code: 1, after: { ...none, pidsRefused: 2 } })).toBe('pids');
  });
  it('reads what the probe prints, and refuses half of it', () => {
    expect(parseProbe('oomKills 2\npidsRefused 1\nworkKiBFree 10\n\n--result--\nf{"ok":true}'))
      .toEqual({ oomKills: 2, pidsRefused: 1, workBytesFree: 10_240, resultText: '{"ok":true}' });
    expect(parseProbe('oomKills 2\n')).toBeNull();
    expect(parseProbe('\n--result--\n')!.resultText).toBeNull();
    expect(parseProbe(`\n--result--\nf${'x'.repeat(1024 * 1024 + 1)}`)!.resultText).toBeNull();
    expect(parseResult('{')).toBeNull();
  });
});

describe('frames', () => {
  it('puts bodies together however the socket cuts them', () => {
    const frame = (stream: number, text: string) => Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
    const whole = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, 'more')]);
    for (const size of [1, 3, 7, 8, 9, 100]) {
      const texts = { 1: '', 2: '' };
      const reader = frameReader((bytes, stream) => { texts[stream as 1 | 2] += Buffer.from(bytes).toString(); });
      for (let at = 0; at < whole.length; at += size) reader.push(whole.subarray(at, at + size));
      expect(texts).toEqual({ 1: 'outmore', 2: 'err' });
    }
  });
  it('keeps the end of a long text', () => {
    const last = tail(10);
    for (let at = 0; at < 100; at += 1) last.push(Buffer.from(`${at % 10}`));
    expect(last.text()).toBe('0123456789');
  });
});

describe('box options', () => {
  const order = { kind: 'sealed', limits: cellLimits, image: { name: 'i', key: 'k', tarSha256: 't', bytes: 1 } } as const;
  const network = { environment: { PIP_INDEX_URL: 'https://index.example/simple' }, caBundlePath: '/etc/ca.pem', mode: 'bridge' } as const;
  const owner = { farmId: 'f', workerId: 'w' };

  it('seals', () => {
    const made = containerOptions(order, 'sha256:1', owner, network, 2);
    expect(made.HostConfig).toMatchObject({
      NetworkMode: 'none', ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'],
      Memory: cellLimits.memoryBytes, MemorySwap: cellLimits.memoryBytes, PidsLimit: cellLimits.pidsMax, Binds: [],
    });
    expect(made.Env!.join('\n')).not.toContain('PIP_');
    expect(made.Labels).toMatchObject({ 'wheelfarm.farm': 'f', 'wheelfarm.worker': 'w' });
  });
  it('gives the network to a fetch box only', () => {
    const made = containerOptions({ ...order, kind: 'fetch' }, 'sha256:1', owner, network, 2);
    expect(made.HostConfig!.NetworkMode).toBe('bridge');
    expect(made.HostConfig!.Binds).toEqual(['/etc/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro']);
    expect(made.Env).toContain('PIP_INDEX_URL=https://index.example/simple');
    expect(made.HostConfig!.CapDrop).toEqual(['ALL']);
  });
  it('reads the configuration of pip: the environment wins, files of the host stay away', () => {
    expect(pipEnvironment([
      ":env:.index-url='https://b.example/simple'", "global.index-url='https://a.example/simple'",
      "global.extra-index-url='\\nhttps://x.example/\\nhttps://y.example/'", ":env:.find-links='/opt/wheels'", "global.cert='/etc/c'",
    ].join('\n'))).toEqual({ PIP_INDEX_URL: 'https://b.example/simple', PIP_EXTRA_INDEX_URL: 'https://x.example/ https://y.example/' });
  });
  it('takes the network of the host for a proxy on its loopback', () => {
    expect(networkMode({ https_proxy: 'http://127.0.0.1:3128' })).toBe('host');
    expect(networkMode({ https_proxy: 'http://proxy.example:3128', no_proxy: '//localhost' })).toBe('bridge');
  });
});

describe('what Docker says', () => {
  it('has a code for each kind of trouble', () => {
    const code = (error: unknown) => dockerFailure(error, 'build').failure.code;
    expect(code(Object.assign(new Error('connect ECONNREFUSED /var/run/docker.sock'), { code: 'ECONNREFUSED' }))).toBe('FARM_DOCKER_DOWN');
    expect(code(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('FARM_DOCKER_DOWN');
    expect(code(new Error('write /x: no space left on device'))).toBe('FARM_NO_SPACE');
    expect(code(Object.assign(new Error('No such image: x'), { statusCode: 404 }))).toBe('FARM_IMAGE_MISSING');
    expect(code(Object.assign(new Error('container is not running'), { statusCode: 409 }))).toBe('FARM_CONTAINER_BROKE');
  });
  it('reads the id of an import, and its error', () => {
    expect(importedId('{"status":"Downloading"}\n{"status":"sha256:abc"}\n')).toBe('sha256:abc');
    expect(() => importedId('{"error":"no space left on device"}')).toThrow('no space left');
    expect(() => importedId('')).toThrow('without an id');
  });
});
