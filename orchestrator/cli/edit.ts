import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EditBatchPreview, EditCheck, EditPreview, EditPreviewRequest, EditView } from '../contract/edits.ts';
import { FarmError, failure, type Failure } from '../domain/failure.ts';
import { sdistBuildFault, type SdistBuild } from '../domain/sdist-build.ts';
import { clientOf, type ApiClient } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { batchLines, editedLines, previewLines, resolutionLines } from './edit-words.ts';
import { ensureUp } from './group/raise.ts';

export const command: Command = {
  usage: 'edit NAME==VERSION|SELECTOR --set "FIELD: VALUE"… --why TEXT [--yes]',
  help: [
    'Changes the metadata of a release that this farm published: every wheel is delivered again with the next build',
    'tag, its code byte for byte the same. The old files stay. Shows first what changes and who will see it.',
    'A selector such as "numpy<2" edits every release that it names, each as --bound or --set says.', '',
    '  --set "FIELD: VALUE"       for example "Requires-Python: >=3.9,<3.15" or "Requires-Dist: numpy>=1.26,<3"',
    '  --bound "FIELD: BOUND"     adds a bound to what is there: "Requires-Dist: numpy<3"',
    '  --remove "FIELD[: VALUE]"  takes a field or one of its values away',
    '  --why TEXT                 why; it is recorded and attested',
    '  --by NAME                  who; your user name when absent',
    '  --undo ID                  takes a published edit back, by another edit; ./farm history NAME shows ids',
    '  --cancel ID                ends an edit that is not being published yet',
    '  --approve ID               says yes to an edit of somebody else that adds a dependency; --refuse ID says no (--why)',
    '  --mode respin|post         the same version with a build tag; or a post-release, for installed environments and',
    '                             other indexes: wheels, and the sdist where its own values can carry the edit',
    '  --approve-added NAME==VERSION  approves an added dependency yourself, where the project has no other maintainer;',
    '                             recorded as such. Where it has one, the edit waits for them (exit status 3)',
    '  --accept-conflict          delivers it although stock resolvers refuse the release with it, or a build of the',
    '                             patched sdist says otherwise in the fields that are named',
    '  --accept-unbuilt           with --yes: delivers a patched sdist that could not be built, so that nothing shows',
    '                             that it carries the edit',
    '  --preview                  shows what would be, and ends',
    '  --yes                      does not ask',
    '  --json                     the last line is the edit as one object',
  ],
  async act(context, argv) {
    const asked = readAsked(argv);
    await ensureUp(context);
    const client = clientOf(context.places);
    if (asked.cancel !== null) {
      await client.post(`/edits/${encodeURIComponent(asked.cancel)}/cancel`, { by: asked.by });
      context.out.write(`Edit ${asked.cancel} is being cancelled.\n`);
      return 0;
    }
    if (asked.refuse !== null) {
      const { project, version } = await client.post<EditView>(`/edits/${encodeURIComponent(asked.refuse)}/refuse`, { by: asked.by, why: asked.why });
      context.out.write(`Edit ${asked.refuse} was refused; ${project} ${version} is as it was.\n`);
      return 0;
    }
    const started = asked.approve !== null ? [await approved(client, asked, asked.approve)] : asked.several ? await startSeveral(context, client, asked) : await startOne(context, client, asked);
    const ended: EditView[] = [];
    for (const edit of started) ended.push(await follow(client, edit));
    for (const edit of ended.filter(({ failure: wrong }) => wrong === null)) context.out.write(`${editedLines(edit).join('\n')}\n`);
    if (asked.json) for (const edit of ended) context.out.write(`${JSON.stringify(edit)}\n`);
    const broken = ended.find(({ failure: wrong }) => wrong !== null);
    if (broken) throw new FarmError(broken.failure as Failure);
    if (ended.some(({ state }) => state === 'awaiting-approval')) return 3;
    return ended.every(({ state }) => state === 'published') ? 0 : 1;
  },
};

/** The yes to an edit that waits. With the farm's own token this is whoever is at its machine. */
const approved = (client: ApiClient, { by, approveAdded }: Asked, id: string): Promise<EditView> =>
  client.post<EditView>(`/edits/${encodeURIComponent(id)}/approve`, { by, ...(approveAdded === null ? {} : { selfApproval: approveAdded }) });

/** Shows the preview of one release and starts the edit after a yes; none where only the preview was asked for. */
async function startOne(context: Context, client: ApiClient, asked: Asked): Promise<EditView[]> {
  const preview = await client.post<EditPreview>('/edits/preview', asked.request);
  context.out.write(`${previewLines(preview).join('\n')}\n`);
  const check = await checked(context, client, asked.request);
  context.out.write(`${resolutionLines(check).join('\n')}\n`);
  if (asked.previewOnly) return [];
  const wrong = faultIn(check, preview.sdist?.filename ?? '', asked);
  if (wrong !== null) throw new FarmError(wrong);
  const { secondApproval, approvers } = preview;
  const selfApproval = await confirmed(context, { secondApproval, approvers, typed: `${preview.project}==${preview.version}` }, asked);
  const { basis } = preview;
  return [await client.post<EditView>('/edits', {
    ...asked.request, basis, why: asked.why, by: asked.by, acceptConflict: asked.acceptConflict,
    // Whoever was asked has read that nothing was built, and said yes.
    acceptUnbuilt: asked.acceptUnbuilt || (!asked.yes && check.sdistBuilt?.state === 'not built'), ...(selfApproval === null ? {} : { selfApproval }),
  })];
}

/** Stock clients judge it; of a post-release the patched sdist is built once, which is waited for. */
async function checked(context: Context, client: ApiClient, request: EditPreviewRequest): Promise<EditCheck> {
  let check = await client.post<EditCheck>('/edits/check', request);
  if (check.sdistBuilt?.state === 'building') {
    context.err.write(`The patched sdist is being built once, for ${check.sdistBuilt.target ?? ''}…\n`);
  }
  while (check.sdistBuilt?.state === 'building') {
    await sleep(buildPollMs);
    check = await client.post<EditCheck>('/edits/check', request);
  }
  return check;
}

const buildPollMs = 500;

/** What has to be accepted by name and was not; null where the question for a yes is enough. */
function faultIn({ resolution, sdistBuilt }: EditCheck, file: string, asked: Asked): Failure | null {
  const conflicts = resolution.filter(({ state }) => state === 'conflict');
  if (conflicts[0] && !asked.acceptConflict) {
    const targets = conflicts.map(({ target }) => target).join(', ');
    return failure('FARM_EDIT_CONFLICT', 'publish', { targets, why: conflicts[0].says });
  }
  const fault = sdistBuilt === null ? null : sdistBuildFault(file, sdistBuilt as SdistBuild);
  if (fault === null) return null;
  const accepted = fault.code === 'FARM_EDIT_SDIST_DIFFERS' ? asked.acceptConflict : asked.acceptUnbuilt || !asked.yes;
  return accepted ? null : failure(fault.code, 'publish', fault.words);
}

/** The same for every release of a selector. @errors the refusal of the first release that cannot be edited so */
async function startSeveral(context: Context, client: ApiClient, asked: Asked): Promise<EditView[]> {
  const preview = await client.post<EditBatchPreview>('/edit-batches/preview', asked.request);
  context.out.write(`${batchLines(preview).join('\n')}\n`);
  const [refused] = preview.refused;
  if (refused) throw new FarmError(refused.failure as Failure);
  if (asked.previewOnly || preview.releases.length === 0) return [];
  const adding = preview.releases.filter((one) => one.secondApproval);
  const approvers = adding[0]?.approvers ?? [];
  const selfApproval = await confirmed(context, { secondApproval: adding.length > 0, approvers, typed: preview.selector }, asked);
  return client.post<EditView[]>('/edit-batches', {
    ...asked.request, bases: Object.fromEntries(preview.releases.map(({ version, basis }) => [version, basis])), why: asked.why, by: asked.by,
    acceptConflict: asked.acceptConflict, acceptUnbuilt: asked.acceptUnbuilt, ...(selfApproval === null ? {} : { selfApproval }),
  });
}

interface Asked {
  readonly request: EditPreviewRequest;
  readonly why: string;
  readonly by: string;
  readonly approveAdded: string | null;
  readonly previewOnly: boolean;
  /** `what` names releases by bounds. */
  readonly several: boolean;
  readonly cancel: string | null;
  readonly approve: string | null;
  readonly refuse: string | null;
  readonly acceptConflict: boolean;
  readonly acceptUnbuilt: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** @errors FARM_BAD_REQUEST */
function readAsked(argv: readonly string[]): Asked {
  const { values, positionals } = readArguments(argv, {
    set: { type: 'string', multiple: true }, remove: { type: 'string', multiple: true }, bound: { type: 'string', multiple: true },
    mode: { type: 'string' }, why: { type: 'string' }, by: { type: 'string' }, 'approve-added': { type: 'string' },
    'accept-conflict': { type: 'boolean' }, 'accept-unbuilt': { type: 'boolean' }, undo: { type: 'string' }, cancel: { type: 'string' }, approve: { type: 'string' }, refuse: { type: 'string' },
    preview: { type: 'boolean' }, yes: { type: 'boolean' }, json: { type: 'boolean' },
  });
  const { undo, cancel, approve, refuse } = values;
  const ofOther = cancel !== undefined || approve !== undefined || refuse !== undefined;
  const [what = undo === undefined && !ofOther ? '' : ' ', ...more] = positionals;
  if (!what || more.length > 0) throw wrongUse(what ? `one release at a time, not also ${more.join(' ')}` : 'say which release to edit');
  const { set = [], remove = [], bound = [], why = '' } = values;
  if (set.length + remove.length + bound.length === 0 && undo === undefined && !ofOther) throw wrongUse('say what to change, with --set, --bound or --remove');
  if (why.trim() === '' && !values.preview && (!ofOther || refuse !== undefined)) throw wrongUse('say why, with --why; it is attested');
  return {
    request: { what: what.trim(), mode: values.mode ?? 'respin', set, remove, bound, ...(undo === undefined ? {} : { undo }) },
    several: undo === undefined && !/^[^=<>!~]*==[^*,]*$/.test(what), cancel: cancel ?? null, approve: approve ?? null, refuse: refuse ?? null, acceptConflict: values['accept-conflict'] ?? false,
    acceptUnbuilt: values['accept-unbuilt'] ?? false, why, by: values.by ?? userInfo().username,
    approveAdded: values['approve-added'] ?? null, previewOnly: values.preview ?? false, yes: values.yes ?? false, json: values.json ?? false,
  };
}

/**
 * Asks for a yes; for an added dependency that nobody else can approve also for the release's name.
 * @returns the name as it was typed; null where nothing needs it
 * @errors FARM_EDIT_NOT_CONFIRMED
 */
async function confirmed(
  context: Context, { secondApproval, approvers, typed }: { secondApproval: boolean; approvers: readonly string[]; typed: string }, asked: Asked,
): Promise<string | null> {
  const ask = asker(context);
  try {
    if (!asked.yes && await ask('Deliver this edit? Type yes: ') !== 'yes') throw notConfirmed();
    if (!secondApproval || approvers.length > 0) return null;
    // `--yes` alone does not add a dependency: without a typed name the farm refuses.
    if (asked.approveAdded !== null || asked.yes) return asked.approveAdded ?? '';
    return await ask(`It adds a dependency. To approve that yourself, type ${typed}: `);
  } finally {
    ask.close();
  }
}

const notConfirmed = (): FarmError => new FarmError(failure('FARM_EDIT_NOT_CONFIRMED', 'publish'));

/** Asks questions on standard error and reads one line for each; the end of the input is an empty answer. */
function asker({ err }: Context): ((question: string) => Promise<string>) & { close(): void } {
  let lines: ReturnType<typeof createInterface> | null = null;
  let answers: AsyncIterator<string> | null = null;
  const ask = async (question: string): Promise<string> => {
    err.write(question);
    lines ??= createInterface({ input: process.stdin });
    answers ??= lines[Symbol.asyncIterator]();
    const answer = await answers.next();
    return answer.done ? '' : answer.value.trim();
  };
  return Object.assign(ask, { close: () => lines?.close() });
}

/** Waits until the edit has ended; the control plane may be started again meanwhile. */
async function follow(client: ApiClient, started: EditView): Promise<EditView> {
  let edit = started;
  let failures = 0;
  while (edit.state === 'running') {
    await sleep(50 + Math.min(failures, 10) * 100);
    try {
      edit = await client.get<EditView>(`/edits/${edit.id}`);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!(error instanceof FarmError) || error.failure.code !== 'FARM_NOT_UP' || failures > 60) throw error;
    }
  }
  return edit;
}
