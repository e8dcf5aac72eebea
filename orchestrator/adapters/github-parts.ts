/** Everything about GitHub that a control plane is composed of: one call for its roots. */
import type { GithubView } from '../contract/registrations.ts';
import type { Github, GitCredentials, GitRemote, Registrations, Webhooks } from '../github-ports.ts';
import type { BuildPorts } from './builds.ts';
import { githubKeyFile, readingHeader } from './github-keys.ts';
import { octokitGithub } from './github.ts';
import { pollDue } from './poller.ts';
import { prismaRegistrations, type RegistrationPorts } from './registrations.ts';
import type { Database } from './prisma/database.ts';
import { sweepTriggers } from './triggers.ts';
import { prismaWebhooks } from './webhooks.ts';

export interface GithubSettings {
  readonly githubUrl: string;
  readonly githubToken: string | null;
  readonly keysFolder: string;
  readonly url: string;
  readonly pollMs: number;
}

export interface GithubParts {
  readonly github: Github;
  readonly registrations: Registrations;
  readonly webhooks: Webhooks;
  readonly githubView: () => Promise<GithubView>;
  /** Looks at what is due until the answer is called. */
  watch(onError: (error: unknown) => void): () => void;
  close(): Promise<void>;
}

const lookMs = 1_000;

/** The port Github alone, for the process of the activities. */
export const githubOf = ({ githubUrl, githubToken, keysFolder }: GithubSettings): Github & { close(): Promise<void> } =>
  octokitGithub({ url: githubUrl, keys: githubKeyFile(keysFolder, githubToken) });

/** What private repositories are read with: those that are registered here, and no other. */
export const registeredCredentials = ({ database: { prisma }, github }: { readonly database: Database; readonly github: Pick<Github, 'readingToken'> }): GitCredentials => ({
  async authorization(url) {
    const repository = await prisma.repository.findFirst({ where: { url, registrations: { some: {} } }, select: { fullName: true } });
    return repository && readingHeader(github, repository.fullName);
  },
});

/** Composes registrations, webhooks and polls over the ports of the builds. */
export function githubParts(
  settings: GithubSettings, ports: BuildPorts & { readonly git: GitRemote }, upstream: RegistrationPorts['upstream'], github = githubOf(settings),
): GithubParts {
  const { githubUrl, url, pollMs } = settings;
  const keys = githubKeyFile(settings.keysFolder, settings.githubToken);
  const { database, workflows, clock, git, catalogue, resolve } = ports;
  return {
    github,
    registrations: prismaRegistrations({ database, github, git, githubUrl, upstream, resolve, catalogue, clock, url, images: ports.images }),
    webhooks: prismaWebhooks({ database, github, workflows, githubUrl, url }),
    async githubView() {
      const { app, token } = await keys.read();
      return { url: githubUrl, app: app?.slug ?? null, token: token !== undefined, webhookUrl: `${url}/hooks/github` };
    },
    watch(onError) {
      let busy = false;
      const timer = setInterval(() => {
        if (busy) return;
        busy = true;
        void Promise.all([pollDue({ database, github, git, upstream, workflows, clock, githubUrl, pollMs }), sweepTriggers({ database, workflows })])
          .catch(onError).finally(() => { busy = false; });
      }, lookMs);
      return () => clearInterval(timer);
    },
    close: () => github.close(),
  };
}
