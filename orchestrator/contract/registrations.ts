/**
 * Registrations of repositories and of names that are watched, and what they announced.
 *
 *   POST   /api/registrations/proposal   ProposalRequest -> Proposal          (writes nothing)
 *   POST   /api/registrations            RegistrationRequest -> Registration  (201)
 *   GET    /api/registrations?project=   Registration[]
 *   GET    /api/registrations/:project   Registration
 *   DELETE /api/registrations/:project   -> 204; what was published stays
 *   GET    /api/triggers?limit=&project= Trigger[] newest first: releases on their way to builds
 *   GET    /api/alerts?limit=&project=&all=  Alert[] newest first; with `all` those that somebody has seen to, too
 *   POST   /api/alerts/:id/acknowledge   {why, by} -> Alert; what it stopped stays stopped
 *   GET    /api/github                   GithubView: what the farm has of GitHub; never a secret
 *   POST   /api/github/token             {token} -> GithubView
 *   POST   /api/github/app               {organization?} -> {page}: a page that makes the farm's App with one press
 *   POST   /api/github/webhook           {} -> {url, secret}: for a webhook that somebody sets up by hand
 *   POST   /hooks/github                 a delivery of GitHub, signed -> WebhookAnswer (202)
 */
import { Type, type Static } from 'typebox';
import { FailureShape } from './worker.ts';

const Text = Type.Union([Type.String(), Type.Null()]);
const Globs = Type.Array(Type.String({ maxLength: 80 }), { maxItems: 100 });
const Name = Type.String({ minLength: 1, maxLength: 214, pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$' });

export const ProposalRequest = Type.Object({
  /** `owner/repo[#folder]`, or the name of a project on the index that is to be watched. */
  what: Type.String({ minLength: 1, maxLength: 400 }),
  /** Where pyproject.toml does not say it. */
  project: Type.Optional(Name),
});
export type ProposalRequest = Static<typeof ProposalRequest>;

export const Proposal = Type.Object({
  project: Text,
  repository: Type.Union([Type.Null(), Type.Object({
    fullName: Type.String(), url: Type.String(), defaultBranch: Type.String(), private: Type.Boolean(), archived: Type.Boolean(), parent: Text,
    /** Whether the one who asks may administer it. */
    admin: Type.Boolean(), who: Text,
  })]),
  subdirectory: Type.String(),
  /** The newest ones that name versions. */
  tags: Type.Array(Type.String()), releases: Type.Array(Type.String()),
  targets: Type.Array(Type.Object({
    target: Type.String(), proposed: Type.Boolean(), why: Type.String(),
    /** Whether the newest release on the index has a wheel for it. */
    onIndex: Type.Boolean(), expectedMs: Type.Union([Type.Integer(), Type.Null()]), expectedBytes: Type.Union([Type.Integer(), Type.Null()]),
  })),
  /** `ours`, `free`, `held` (with its owner) or `unknown` (no name yet). */
  name: Type.Object({ state: Type.String(), owner: Text, evidence: Type.String() }),
  report: Type.Array(Type.Object({ level: Type.String(), says: Type.String(), fix: Type.String() })),
  /** What would be refused now; empty where it can be registered. */
  problems: Type.Array(FailureShape),
});
export type Proposal = Static<typeof Proposal>;

export const RegistrationRequest = Type.Object({
  ...ProposalRequest.properties,
  /** Empty for every target. */
  targets: Globs,
  by: Type.String({ minLength: 1, maxLength: 80 }),
  /** An admin's word that the name is the repository's; recorded with the registration. */
  approval: Type.Optional(Type.Object({ why: Type.String({ minLength: 1, maxLength: 2_000, pattern: '\\S' }) })),
});
export type RegistrationRequest = Static<typeof RegistrationRequest>;

export const RegistrationView = Type.Object({
  project: Type.String(),
  repository: Type.Union([Type.Null(), Type.Object({
    fullName: Type.String(), url: Type.String(), state: Type.String(), formerUrls: Type.Array(Type.String()),
    polledAt: Text, failure: Type.Union([FailureShape, Type.Null()]),
  })]),
  subdirectory: Type.String(), targets: Globs,
  proof: Type.Object({ kind: Type.String(), evidence: Type.String(), by: Type.String(), at: Type.String() }),
  registeredBy: Type.String(), createdAt: Type.String(), failure: Type.Union([FailureShape, Type.Null()]),
  page: Type.String(),
});
export type RegistrationView = Static<typeof RegistrationView>;

export const TriggerView = Type.Object({
  id: Type.String(), repository: Text, project: Text,
  /** webhook | poll | comment */
  cause: Type.String(), ref: Type.String(), commit: Text,
  /** received | making | building | ended | failed */
  state: Type.String(),
  parts: Type.Array(Type.Object({
    project: Type.String(), version: Text, sourceId: Text, buildId: Text, failure: Type.Union([FailureShape, Type.Null()]),
  })),
  /** Why it waits: a server that is down or limits. */
  failure: Type.Union([FailureShape, Type.Null()]),
  createdAt: Type.String(), updatedAt: Type.String(),
});
export type TriggerView = Static<typeof TriggerView>;

export const AlertView = Type.Object({
  id: Type.String(), project: Text, repository: Text, failure: FailureShape, createdAt: Type.String(),
  /** Who has seen to it, and what was done; null while it is open. */
  acknowledged: Type.Union([Type.Null(), Type.Object({ by: Type.String(), why: Type.String(), at: Type.String() })]),
});
export const Acknowledgement = Type.Object({
  /** What was done about it; recorded. */
  why: Type.String({ minLength: 1, maxLength: 2_000, pattern: '\\S' }), by: Type.String({ minLength: 1, maxLength: 80 }),
});
export type Acknowledgement = Static<typeof Acknowledgement>;
export type AlertView = Static<typeof AlertView>;

export const GithubView = Type.Object({
  url: Type.String(), app: Text, token: Type.Boolean(), webhookUrl: Type.String(),
});
export type GithubView = Static<typeof GithubView>;

/** Where the App of an organization is made; absent: of a person. */
export const AppRequest = Type.Object({ organization: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]{1,39}$' })) });
export type AppRequest = Static<typeof AppRequest>;
export const AppPage = Type.Object({ page: Type.String() });
export const HookByHand = Type.Object({ url: Type.String(), secret: Type.String() });

export const WebhookAnswerShape = Type.Object({
  took: Type.String(), releases: Type.Array(Type.String()), pages: Type.Array(Type.String()),
});
