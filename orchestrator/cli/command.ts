import type { Env, Places } from '../../infra/setup/places.ts';
import type { Screen } from '../../infra/setup/progress.ts';

/** What a command may use of the world; the composition root makes it. */
export interface Context {
  readonly places: Places;
  readonly env: Env;
  /** Results: what a script would read. */
  readonly out: Screen;
  /** Progress and errors. */
  readonly err: Screen;
  readonly cwd: string;
}

/** One command of `./farm`; each lives in the file of its name and exports it as `command`. */
export interface Command {
  /** After `./farm`: `up [--only PART,…]`. */
  readonly usage: string;
  /** Lines of `--help` below the usage. */
  readonly help: readonly string[];
  /**
   * @param argv what stands after the command's name
   * @returns exit status
   * @errors throws FarmError
   */
  act(context: Context, argv: readonly string[]): Promise<number>;
}
