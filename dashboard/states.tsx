import type { ReactElement } from 'react';

interface StateWords { readonly glyph: string; readonly says: string }

/** Every state has a sign and a word; colour only helps. */
export const stateWords: Readonly<Record<string, StateWords>> = {
  succeeded: { glyph: '✓', says: 'built here' },
  covered: { glyph: '≡', says: 'covered by another wheel of this release' },
  upstream: { glyph: '↑', says: 'upstream has it' },
  blocked: { glyph: '⊘', says: 'blocked by a requirement' },
  failed: { glyph: '✗', says: 'failed' },
  unsupported: { glyph: '–', says: 'cannot be built here' },
  cancelled: { glyph: '×', says: 'cancelled' },
  queued: { glyph: '…', says: 'waits' },
  running: { glyph: '▸', says: 'is being built' },
  none: { glyph: '', says: 'not planned' },
};

export const testedWords: Readonly<Record<string, StateWords>> = {
  passed: { glyph: '●', says: 'tests passed' },
  failed: { glyph: '!', says: 'tests failed' },
  'no-runner': { glyph: '○', says: 'not tested: nothing here runs it' },
  'no-requirement': { glyph: '◌', says: 'not tested: a requirement of the test has no wheel' },
};

/** A cell's sign. */
export function Mark({ state, tested, small }: { state: string; tested?: string | null; small?: true }): ReactElement {
  const words = stateWords[state] ?? { glyph: '?', says: state };
  return (
    <span className={`mark ${small ? 'small ' : ''}is-${state}`} aria-hidden="true">
      {words.glyph}
      {tested ? <i className={`tested is-${tested}`}>{testedWords[tested]?.glyph}</i> : null}
    </span>
  );
}

/** A state as a word with its sign. */
export function State({ state }: { state: string }): ReactElement {
  return <span className={`state is-${state}`}><span aria-hidden="true">{stateWords[state]?.glyph ?? '•'}</span>{state}</span>;
}

/** What the signs mean. */
export function Legend(): ReactElement {
  return (
    <details className="legend">
      <summary>What the signs mean</summary>
      <ul>
        {Object.entries(stateWords).filter(([state]) => state !== 'none').map(([state, { says }]) => <li key={state}><Mark state={state} /> {says}</li>)}
        {Object.entries(testedWords).map(([tested, { says }]) => <li key={tested}><Mark state="succeeded" tested={tested} /> {says}</li>)}
        <li><span className="mark is-none upstream-has" aria-hidden="true" /> the upstream index has a wheel (line below)</li>
      </ul>
    </details>
  );
}
