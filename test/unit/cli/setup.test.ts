import { describe, expect, it } from 'vitest';
import { missing, there, type SetupPart } from '../../../infra/setup/part.ts';
import { duration, type Progress } from '../../../infra/setup/progress.ts';
import { installAll } from '../../../infra/setup/ready.ts';
import { goIsNewEnough } from '../../../infra/setup/temporal.ts';
import { placesOf } from '../../../infra/setup/places.ts';
import { stepDownAccount } from '../../../orchestrator/cli/group/postgres.ts';

const silent: Progress = { begin() {}, say() {}, end() {}, close() {} };

/** A part that is missing until it was installed, and writes down when it began and ended. */
function part(name: string, story: string[], extra: Partial<SetupPart> = {}): SetupPart {
  let made = false;
  return {
    name, what: name, size: '', expectedSeconds: 1, needs: [], purpose: 'build',
    async check() { return made ? there('') : missing('not there', 'mend it'); },
    async install() {
      story.push(`begin ${name}`);
      await Promise.resolve();
      story.push(`end ${name}`);
      made = true;
    },
    ...extra,
  };
}

describe('set-up', () => {
  it('runs side by side, each part after what it needs', async () => {
    const story: string[] = [];
    await installAll([part('docker', story), part('temporal', story), part('images', story, { needs: ['docker'] })], silent);
    expect(story.indexOf('begin temporal')).toBeLessThan(story.indexOf('end docker'));
    expect(story.indexOf('begin images')).toBeGreaterThan(story.indexOf('end docker'));
  });

  it('installs nothing that is there', async () => {
    const story: string[] = [];
    await installAll([part('docker', story, { async check() { return there(''); } })], silent);
    expect(story).toEqual([]);
  });

  it('lets the others end and names the part that failed', async () => {
    const story: string[] = [];
    const broken = part('docker', story, { async install() { throw new Error('no network.'); } });
    const all = installAll([broken, part('images', story, { needs: ['docker'] }), part('temporal', story)], silent);
    await expect(all).rejects.toMatchObject({ failure: { code: 'FARM_SETUP_FAILED', message: 'Set-up stopped at docker: no network.' } });
    expect(story).toEqual(['begin temporal', 'end temporal']);
  });

  it('fails when a part is still missing after it was installed', async () => {
    const liar = part('images', [], { async install() {} });
    await expect(installAll([liar], silent)).rejects.toMatchObject({ failure: { message: 'Set-up stopped at images: not there.' } });
  });

  it('tells what only a person can mend before it installs anything', async () => {
    const story: string[] = [];
    const { install: _none, ...disk } = part('disk', story);
    const all = installAll([part('docker', story), disk], silent);
    await expect(all).rejects.toMatchObject({ failure: { next: 'mend it' } });
    expect(story).toEqual([]);
  });
});

describe('small things', () => {
  it.each([['go version go1.25.1 linux/amd64', true], ['go version go1.26 linux/amd64', true],
    ['go version go1.19.8 linux/amd64', false], ['', false]])('%s: new enough is %s', (words, answer) => {
    expect(goIsNewEnough(words)).toBe(answer);
  });

  it.each([[0.42, '0.4 s'], [3, '3 s'], [9.96, '10 s'], [59.6, '1 m 00 s'], [271, '4 m 31 s']])('%d is %s', (seconds, words) => {
    expect(duration(seconds)).toBe(words);
  });

  it('keeps state in FARM_HOME and caches outside the checkout', () => {
    expect(placesOf({ FARM_HOME: '/x/y', XDG_CACHE_HOME: '/c' })).toMatchObject({ home: '/x/y', cache: '/c/wheelfarm' });
    const places = placesOf({ HOME: '/home/me' });
    expect(places.home).toBe(`${places.root}/.farm`);
    expect(places.cache).toBe('/home/me/.cache/wheelfarm');
  });

  it('steps down to postgres, else nobody', () => {
    const nobody = 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n';
    expect(stepDownAccount(nobody)).toEqual({ uid: 65_534, gid: 65_534 });
    expect(stepDownAccount(`${nobody}postgres:x:101:104::/:/bin/sh\n`)).toEqual({ uid: 101, gid: 104 });
    expect(() => stepDownAccount('root:x:0:0::/:/bin/sh\n')).toThrow(/neither/);
  });
});
