import { expect, it } from 'vitest';
import { debianArchives, parseSources, sourceLists, suitesOf } from '../../../images/apt-sources.ts';

const deb822 = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
`;

it('finds the main and the security archive in deb822 sources', () => {
  expect(debianArchives(parseSources(deb822)))
    .toEqual({ main: 'http://mirror.example/debian', security: 'http://security.example/debian-security' });
});

it('reads one-line sources with options and passes over other archives', () => {
  const text = 'deb https://other.example/apt stable-tools main\n# deb http://off.example/debian trixie main\n'
    + 'deb [arch=amd64] http://one.example/debian trixie main contrib\n';
  expect(debianArchives(parseSources(text))).toEqual({ main: 'http://one.example/debian' });
});

it('ignores a disabled stanza', () => {
  expect(debianArchives(parseSources(deb822.replaceAll('Types: deb\n', 'Types: deb\nEnabled: no\n')))).toBeUndefined();
});

it('knows no Debian where apt has none', () => {
  expect(debianArchives(parseSources('deb https://tools.example/apt cloud main\n'))).toBeUndefined();
});

it('tries updates for all, then for the own architecture, then the release alone, always signed', () => {
  const lists = sourceLists({ main: 'http://m/debian', security: 'http://s/security' }, 'trixie', 'amd64', '/k.gpg');
  expect(lists.map(suitesOf)).toEqual([
    ['trixie', 'trixie-updates', 'trixie-security'],
    ['trixie', 'trixie-updates (amd64)', 'trixie-security (amd64)'],
    ['trixie'],
  ]);
  for (const line of lists.join('').trim().split('\n')) expect(line).toMatch(/^deb \[signed-by=\/k\.gpg/);
});

it('takes the index of an unreleased suite that has run out last, still signed, and says so', () => {
  const lists = sourceLists({ main: 'http://m/debian', security: 'http://s/security' }, 'forky', 'amd64', '/k.gpg');
  expect(lists.map(suitesOf)).toEqual([['forky'], ['forky (though its index has run out)']]);
  expect(lists[1]).toBe('deb [signed-by=/k.gpg check-valid-until=no] http://m/debian forky main\n');
});
