import type { Env, Places } from '../../infra/setup/places.ts';

/** What a command may use of the world; the composition root makes it. */
export interface Context {
  readonly places: Places;
  readonly env: Env;
  /** Results: what a script would read. */
  readonly out: NodeJS.WriteStream;
  /** Progress and errors. */
  readonly err: NodeJS.WriteStream;
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

/** Names and one-line summaries, in the order of `--help`. */
export const commandNames: readonly (readonly [name: string, summary: string])[] = [
  ['build', 'build a release for every platform, test, sign and publish it'],
  ['plan', 'show what a build would do'],
  ['cancel', 'end a build'],
  ['import', 'take a release from the upstream index'],
  ['rebuild', 'build a published release again, also as another version'],
  ['edit', 'change the metadata of a published release'],
  ['yank', 'mark a release as not to be chosen, with a reason'],
  ['history', 'show builds, imports, edits and yanks of a release'],
  ['shell', 'open the image, inputs and environment of a cell'],
  ['verify', 'check the signatures of published files'],
  ['account', 'list accounts, give or take a role'],
  ['token', 'list, make or revoke tokens of the API'],
  ['register', 'build every release of a repository, or of a name on the index, from now on'],
  ['alerts', 'list what a person must know of, and take it off the pages'],
  ['worker', 'serve the cells of a pool on this machine'],
  ['up', 'start the farm'],
  ['pool', 'print the line that another machine joins with'],
  ['down', 'stop the farm and everything that it started'],
  ['status', 'show addresses and parts'],
  ['logs', 'show what a part or a cell printed'],
  ['setup', 'install what the farm needs'],
  ['doctor', 'list every prerequisite and how to mend it'],
];
