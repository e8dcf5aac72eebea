/** Names and one-line summaries, in the order of `--help`. */
export const summaries: readonly (readonly [name: string, summary: string])[] = [
  ['build', 'build a release for every platform, test, sign and publish it'],
  ['plan', 'show what a build would do'],
  ['cancel', 'end a build'],
  ['shell', 'open the image, inputs and environment of a cell'],
  ['verify', 'check the signatures of published files'],
  ['up', 'start the farm'],
  ['down', 'stop the farm and everything that it started'],
  ['status', 'show addresses and parts'],
  ['logs', 'show what a part or a cell printed'],
  ['setup', 'install what the farm needs'],
  ['doctor', 'list every prerequisite and how to mend it'],
];

/** Names of all commands; documents may mention no other. */
export const commandNames: readonly string[] = summaries.map(([name]) => name);
