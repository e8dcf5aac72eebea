import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Proposal, RegistrationView } from '../contract/registrations.ts';
import { FarmError, type Failure } from '../domain/failure.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { ensureUp } from './group/raise.ts';
import { printable } from './printable.ts';
import { duration, size } from './table.ts';

export const command: Command = {
  usage: 'register WHAT [--project NAME] [--targets GLOB,…] [--approve WHY] [--plan] [--json]',
  help: [
    'Registers a repository: from now on every tag that names a version is built. Says first what would be built, who holds',
    'the name, and what could be better. A name on the index is watched instead: every new release is built.', '',
    '  WHAT             owner/repo, owner/repo#folder, or the name of a project on the index',
    '  --project NAME   where pyproject.toml does not say it',
    '  --targets GLOB,… only these targets, for example "cp313-*,cp311-manylinux_aarch64"',
    '  --approve WHY    an admin’s word that the name is the repository’s; recorded with the registration',
    '  --plan           says all that and registers nothing',
    '', './farm register --token-file FILE   keeps the GitHub token of a person who may administer the repository (0600, in .farm/keys)',
    './farm register --webhook           address and secret for a webhook; without one, tags are found by asking every 5 minutes',
    './farm register --app [--organization NAME]  a page that makes the farm’s GitHub App with one press, no key to copy',
    './farm register --list              what is registered',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, {
      project: { type: 'string' }, targets: { type: 'string' }, approve: { type: 'string' }, plan: { type: 'boolean' }, json: { type: 'boolean' },
      'token-file': { type: 'string' }, webhook: { type: 'boolean' }, list: { type: 'boolean' }, app: { type: 'boolean' }, organization: { type: 'string' },
    });
    const { out } = context;
    await ensureUp(context);
    const client = clientOf(context.places);
    if (values['token-file'] !== undefined) {
      await client.post('/github/token', { token: (await readFile(values['token-file'], 'utf8')).trim() });
      out.write('the token is kept\n');
      return 0;
    }
    if (values.app) {
      const { page } = await client.post<{ page: string }>('/github/app', values.organization === undefined ? {} : { organization: values.organization });
      out.write(`${page}\n`);
      return 0;
    }
    if (values.webhook) {
      const { url, secret } = await client.post<{ url: string; secret: string }>('/github/webhook', {});
      out.write(`Payload URL   ${url}\nContent type  application/json\nSecret        ${secret}\nEvents        pushes, releases, issue comments\n`);
      return 0;
    }
    if (values.list) {
      const all = await client.get<RegistrationView[]>('/registrations');
      out.write(`${values.json ? JSON.stringify(all) : all.map(registrationLine).join('\n') || 'nothing is registered'}\n`);
      return 0;
    }
    const [what, ...more] = positionals;
    if (!what || more.length > 0) throw wrongUse('say which repository: owner/repo');
    const asked = { what, ...(values.project === undefined ? {} : { project: values.project }) };
    const proposal = await client.post<Proposal>('/registrations/proposal', asked);
    if (values.json && values.plan) out.write(`${JSON.stringify(proposal)}\n`);
    else if (!values.json) out.write(`${proposalLines(proposal).join('\n')}\n`);
    const stops = proposal.problems.filter(({ code }) => !(values.approve !== undefined && code === 'FARM_NAME_HELD'));
    if (values.plan) return stops.length === 0 ? 0 : 1;
    if (stops[0]) throw new FarmError(stops[0] as Failure);
    const made = await client.post<RegistrationView>('/registrations', {
      ...asked, targets: (values.targets ?? '').split(/[\s,]+/).filter(Boolean), by: userInfo().username,
      ...(values.approve === undefined ? {} : { approval: { why: values.approve } }),
    });
    out.write(`${values.json ? JSON.stringify(made) : registrationLine(made)}\n`);
    return 0;
  },
};

function proposalLines({ project, repository, tags, targets, name, report, problems }: Proposal): string[] {
  const chosen = targets.filter(({ proposed }) => proposed);
  const total = chosen.reduce((sum, one) => ({ ms: sum.ms + (one.expectedMs ?? 0), bytes: sum.bytes + (one.expectedBytes ?? 0) }), { ms: 0, bytes: 0 });
  return [
    `${printable(project ?? 'a project without a name')}${repository ? `, ${printable(repository.fullName)} (${printable(repository.defaultBranch)})` : ', watched on the index'}`,
    `name: ${name.state}; ${printable(name.evidence)}`,
    ...(repository ? [`tags: ${tags.length === 0 ? 'none names a version' : printable(tags.slice(0, 5).join(', '))}`] : []),
    `targets: ${chosen.length} of ${targets.length}, ${chosen.filter(({ onIndex }) => !onIndex).length} of them not on the index${total.ms > 0 ? `; about ${duration(total.ms)} and ${size(total.bytes)} a release` : ''}`,
    ...report.filter(({ level }) => level !== 'good').map(({ level, says, fix }) => `${level}: ${printable(says)}. ${printable(fix)}`),
    ...problems.map(({ message, next }) => `stops: ${printable(message)} ${printable(next)}`),
  ];
}

const registrationLine = ({ project, repository, subdirectory, proof }: RegistrationView): string =>
  `${project}: ${repository ? `every tag of ${repository.fullName}${subdirectory === '' ? '' : `#${subdirectory}`} that names a version` : 'every release of the index'} (${proof.kind}: ${printable(proof.evidence)})`;
