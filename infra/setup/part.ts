/** One prerequisite of the farm, as `./farm setup` and `./farm doctor` see it. */
export type Check =
  | { readonly state: 'ok'; readonly says: string }
  | { readonly state: 'missing'; readonly says: string; readonly mend: string };

/** What asks for a part: `build` needs it, `test` only the tests do. */
export type Purpose = 'build' | 'test';

export interface SetupPart {
  readonly name: string;
  /** What is installed, in a few words. */
  readonly what: string;
  /** Download or disk size in words; empty where it is nothing to speak of. */
  readonly size: string;
  /** @unit seconds on two free cores */
  readonly expectedSeconds: number;
  /** Names of parts that must be there before this one is checked and installed. */
  readonly needs: readonly string[];
  readonly purpose: Purpose;
  /** Cheap: all checks together stay under 300 ms when everything is there. Never throws. */
  check(): Promise<Check>;
  /**
   * Absent where only a person can mend it.
   * @errors throws with a sentence that says what went wrong
   */
  install?(say: (words: string) => void): Promise<void>;
}

/** A part that is there. */
export const there = (says: string): Check => ({ state: 'ok', says });

/** A part that is not there, with the one thing to do. */
export const missing = (says: string, mend: string): Check => ({ state: 'missing', says, mend });
