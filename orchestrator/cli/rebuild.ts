import { userInfo } from 'node:os';
import type { BuildView, SourceView } from '../contract/api.ts';
import type { RebuildRequest } from '../contract/rebuilds.ts';
import { readArguments, wrongUse } from './arguments.ts';
import { runBuild } from './build.ts';
import type { Command } from './command.ts';
import { withImages } from './images.ts';
import { recipeOf, sdistMade, splitTargets } from './order.ts';

export const command: Command = {
  usage: 'rebuild NAME==VERSION [--targets GLOB…] [--recipe FILE] [--set-version V] --why TEXT [--json]',
  help: [
    'Builds a published release again. Its new wheels get the next build tag, and the edits in force; the old files stay.',
    'While it goes on the release is not edited. Ctrl-C cancels the build.', '',
    '  --targets GLOB     these targets; what it was built for when absent',
    '  --recipe FILE      a recipe (TOML or JSON) over the project’s own options; docs/project-options.md',
    '  --set-version V    as another version: a new sdist, and wheels of it. The build back end takes V from its environment:',
    '                     setuptools-scm, hatch-vcs, pdm-backend, pbr, poetry-dynamic-versioning, uv-dynamic-versioning',
    '  --why TEXT         why; it is recorded and attested',
    '  --by NAME          who; your user name when absent',
    '  --json             the last line is one object {project, version, index, cells: […]}',
  ],
  async act(context, argv) {
    const { targets, rest } = splitTargets(argv);
    const { values, positionals } = readArguments(rest, {
      recipe: { type: 'string' }, 'set-version': { type: 'string' }, why: { type: 'string' }, by: { type: 'string' }, json: { type: 'boolean' },
    });
    const [what, ...more] = positionals;
    if (!what || more.length > 0) throw wrongUse(what ? `one release at a time, not also ${more.join(' ')}` : 'say which release to build again');
    const { why = '', by = userInfo().username, recipe } = values;
    if (why.trim() === '') throw wrongUse('say why, with --why; it is attested');
    const setVersion = values['set-version'];
    const request: RebuildRequest = {
      what, targets, why, by, ...(recipe === undefined ? {} : { recipe: await recipeOf(recipe) }), ...(setVersion === undefined ? {} : { setVersion }),
    };
    return runBuild(context, { json: values.json ?? false }, async (client, signal) => {
      const say = (line: string): void => { context.err.write(`${line}\n`); };
      const images = { client, err: context.err, signal };
      if (setVersion !== undefined) await sdistMade(client, await withImages(images, () => client.post<SourceView>('/rebuilds/sources', request)), say, signal);
      return withImages(images, () => client.post<BuildView>('/rebuilds', request));
    });
  },
};
