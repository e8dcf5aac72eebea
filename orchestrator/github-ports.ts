/** The doors to git servers and to GitHub, with their laws. */
import type {
  Acknowledgement, AlertView, Proposal, ProposalRequest, RegistrationRequest, RegistrationView, TriggerView,
} from './contract/registrations.ts';
import type { GitWhat } from './domain/repository.ts';

/** What a ref is at a server now. */
export interface LocatedRef {
  /** Where the repository answers, after redirects. */
  readonly url: string;
  /** Full name: `refs/tags/v1`, `refs/heads/main`; null where a commit was asked for. */
  readonly ref: string | null;
  readonly commit: string;
  /** Whether the server showed it only with a credential. */
  readonly isPrivate?: boolean;
}

/**
 * What private repositories are read with. Laws: only a repository that is registered here has one, because its
 * registration proved who administers it; it is for that repository's address and nothing else, and is never written down.
 */
export interface GitCredentials {
  /** Value of an Authorization header for an address; null where nothing is to be shown there. */
  authorization(url: string): Promise<string | null>;
}

/**
 * Asks git servers over HTTP. Laws: a credential is sent only where the server refused without one, to the address that
 * it is for, never along a redirect; answers are read within limits; redirects stay https.
 */
export interface GitRemote {
  /**
   * The commit that a ref names; a tag is looked for before a branch, an annotated tag gives the commit that it tags.
   * @errors FARM_REPOSITORY_UNKNOWN, FARM_REF_UNKNOWN, FARM_REPOSITORY_UNREACHABLE, FARM_REPOSITORY_LIMIT
   */
  locate(what: Pick<GitWhat, 'url' | 'ref'>): Promise<LocatedRef>;
  /**
   * Every tag with the commit that it names.
   * @param authorization for a private repository that is only being registered; absent: what its registration gives
   * @errors as `locate`
   */
  tags(url: string, authorization?: string | null): Promise<ReadonlyMap<string, string>>;
}

/** A repository as GitHub says it now. */
export interface GithubRepository {
  readonly id: number;
  /** After a rename the new name. */
  readonly fullName: string;
  readonly defaultBranch: string;
  readonly private: boolean;
  readonly archived: boolean;
  /** `owner/repo` of what it was forked from; null where it is no fork. */
  readonly parent: string | null;
  /** Whether the one who asks may administer it. */
  readonly admin: boolean;
  readonly etag: string | null;
}

export interface CheckRun {
  readonly fullName: string;
  readonly commit: string;
  readonly name: string;
  readonly state: 'in_progress' | 'success' | 'failure' | 'neutral';
  readonly title: string;
  /** Markdown; cut to what GitHub takes. */
  readonly summary: string;
  readonly url: string;
}

/** GitHub's REST API with the farm's App or token. Laws: answers are read in pages with a limit; secrets stay inside. */
export interface Github {
  /** Null where nothing has changed since `etag`. @errors FARM_REPOSITORY_UNKNOWN, _UNREACHABLE, _LIMIT, FARM_GITHUB_TOKEN */
  repository(fullName: string, etag?: string | null): Promise<GithubRepository | null>;
  /** Names of tags in GitHub's order; `more` where the limit ended the list. @errors as `repository` */
  tags(fullName: string): Promise<{ readonly names: readonly string[]; readonly more: boolean }>;
  /** Tags of the newest published releases. @errors as `repository` */
  releases(fullName: string): Promise<readonly string[]>;
  /** A text file at a ref; null where there is none. @errors as `repository` */
  file(fullName: string, path: string, ref: string): Promise<string | null>;
  /** Whether the farm's App is installed there: only one who administers a repository can do that. @errors as `repository` */
  installed(fullName: string): Promise<boolean>;
  /**
   * A token that reads the repository's files: of the App's installation, for this repository and nothing else and for an
   * hour at most; else the farm's token; null where there is neither. @errors as `repository`
   */
  readingToken(fullName: string): Promise<string | null>;
  /** Login of the one whose token the farm has. @errors FARM_GITHUB_TOKEN where it has none */
  viewer(): Promise<string>;
  /** `admin`, `write`, `read` or `none`: what a person may in a repository. @errors as `repository` */
  permission(fullName: string, login: string): Promise<string>;
  /** Makes or moves the check run of a commit; the farm's App must be installed. @errors as `repository` */
  check(run: CheckRun): Promise<void>;
  comment(fullName: string, issue: number, body: string): Promise<void>;
  /** Exchanges the code of GitHub's manifest flow for the App and keeps its keys. Answers its page. @errors FARM_GITHUB_TOKEN */
  adopt(code: string): Promise<{ readonly slug: string; readonly page: string }>;
  /** Keeps a token; answers whose it is. @errors FARM_GITHUB_TOKEN */
  takeToken(token: string): Promise<string>;
  /** What HMACs of webhooks are made with. */
  webhookSecret(): Promise<string>;
}

/** Webhooks, as they arrive. */
export interface Webhooks {
  /**
   * Takes a delivery: signature over the bytes, then its text. The same delivery again gets the same answer.
   * @errors FARM_WEBHOOK_SIGNATURE, FARM_BAD_REQUEST
   */
  take(delivery: { readonly id: string; readonly event: string; readonly signature: string; readonly bytes: Uint8Array }): Promise<WebhookAnswer>;
}
export interface WebhookAnswer {
  /** `tag` announced a release; anything else changed a record or nothing. */
  readonly took: string;
  /** `project==version` for each registered project, and the pages on which they can be watched. */
  readonly releases: readonly string[];
  readonly pages: readonly string[];
}

/** Announced releases on their way to builds. */
export interface Triggers {
  /** One step forward: `wait` to be called again, `ended` where nothing is left. Safe to call twice. */
  advance(triggerId: string): Promise<'wait' | 'ended'>;
}

/** Who registers. */
export interface Registrant {
  readonly login: string;
  /** An admin of the farm: may approve a name that is held, and watch names. */
  readonly admin: boolean;
  /** Login at GitHub of one who signed in there: the repository is asked what that person may. */
  readonly person: string | null;
}

/** Which alerts: the open ones; with `all` every one. */
export interface AlertFilter { readonly limit: number; readonly project?: string; readonly all?: boolean }

/** Registered repositories and watched names, for the API. */
export interface Registrations {
  /** Reads repository and index; writes nothing. @errors FARM_REPOSITORY_*, FARM_GITHUB_TOKEN, FARM_PROJECT_UNKNOWN */
  propose(request: ProposalRequest, who: Registrant): Promise<Proposal>;
  /** @errors as `propose`; FARM_NAME_HELD, FARM_REPOSITORY_NOT_ADMIN, FARM_REGISTERED, FARM_FORBIDDEN for what takes an admin */
  register(request: RegistrationRequest, who: Registrant): Promise<RegistrationView>;
  /** All, or those of one project. */
  list(filter?: { readonly project?: string }): Promise<readonly RegistrationView[]>;
  /** @errors FARM_NOT_FOUND */
  view(project: string): Promise<RegistrationView>;
  remove(project: string, by: string): Promise<void>;
  triggers(filter: { readonly limit: number; readonly project?: string }): Promise<readonly TriggerView[]>;
  alerts(filter: AlertFilter): Promise<readonly AlertView[]>;
  /** Takes an alert off the pages; the first word counts. What it stopped stays stopped. @errors FARM_NOT_FOUND */
  acknowledge(id: string, word: Acknowledgement): Promise<AlertView>;
}
