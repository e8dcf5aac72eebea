/**
 * Failure codes: who must act, whether trying again helps, the words and the next step.
 * `code` is the only thing that code reads; words are for people. A retired code is never reused.
 */

export type Blame = 'project' | 'farm' | 'world';
export type Retry = 'never' | 'backoff' | 'other-worker';

/** Steps of a cell, in order. `sdist` and `plan` come before any cell exists. */
export const steps = [
  'plan', 'sdist', 'fetch', 'requires', 'build', 'repair', 'audit', 'describe', 'test', 'sign', 'publish',
] as const;
export type Step = (typeof steps)[number];

/** Where the first error stands, as the tool printed it. */
export interface Evidence {
  readonly file?: string;
  readonly line?: number;
  readonly text: string;
}

/** What a person sees of a failure; stored as JSON on attempts and cells. */
export interface Failure {
  readonly code: FailureCode;
  readonly step: Step;
  readonly blame: Blame;
  readonly retry: Retry;
  readonly message: string;
  readonly next: string;
  readonly evidence?: Evidence;
}

export interface Card {
  readonly blame: Blame;
  readonly retry: Retry;
  /** HTTP status when the API answers with it. */
  readonly http: number;
  /** One sentence; `{name}` places are filled from the words given to `failure`. */
  readonly says: string;
  readonly next: string;
}

export { cards } from './failure-cards.ts';
import { cards } from './failure-cards.ts';
export type FailureCode = keyof typeof cards;

/** Fills `{name}` places; a place without a word stays as it is, so that a missing word is seen. */
export function fill(template: string, words: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in words ? String(words[name]) : whole));
}

/**
 * Makes the failure of a code.
 * @shape words fill the `{name}` places of the card
 */
export function failure(
  code: FailureCode,
  step: Step,
  words: Readonly<Record<string, string | number>> = {},
  evidence?: Evidence,
): Failure {
  const card: Card = cards[code];
  const made = {
    code, step, blame: card.blame, retry: card.retry, message: fill(card.says, words), next: fill(card.next, words),
  };
  return evidence ? { ...made, evidence } : made;
}

/** An expected failure on its way through code that throws: activities, routes, adapters. */
export class FarmError extends Error {
  readonly failure: Failure;
  constructor(value: Failure) {
    super(value.message);
    this.name = 'FarmError';
    this.failure = value;
  }
}

/** Throws the failure of a code. */
export function fail(
  code: FailureCode,
  step: Step,
  words: Readonly<Record<string, string | number>> = {},
  evidence?: Evidence,
): never {
  throw new FarmError(failure(code, step, words, evidence));
}
