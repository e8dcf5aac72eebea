/** The doors behind accounts. Adapters implement them. */
import type { AccountView, AuditView, HookView, NewHook, NewToken, TokenRequest, TokenView } from './contract/accounts.ts';
import type { Actor, Role } from './domain/roles.ts';

export interface AuditEntry {
  readonly actor: string;
  readonly via: string;
  readonly action: string;
  readonly project: string;
  readonly status: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * Accounts, their roles, tokens and sessions. Laws: tokens and cookies are kept as SHA-256 only; a token never may more
 * than its account; what was revoked or has ended is nobody from the next request on.
 */
export interface Accounts {
  byToken(token: string): Promise<Actor | null>;
  /** Whether a token of role `worker` is in force, and its account still an admin of the farm: it opens `/worker/` and nothing else. */
  isWorker(token: string): Promise<boolean>;
  bySession(cookie: string): Promise<Actor | null>;
  /** A session of the one admin of a farm that only its own machine reaches. */
  openLocal(): Promise<{ readonly cookie: string; readonly expiresAt: Date }>;
  /** With a token, the session may what the token may, and ends when it is revoked. */
  openSession(accountId: string, token?: string): Promise<{ readonly cookie: string; readonly expiresAt: Date }>;
  endSession(cookie: string): Promise<void>;
  /** The account of a person of the provider; made at the first sign-in, without any role. */
  ofPerson(person: { readonly providerId: string; readonly login: string }): Promise<string>;
  /** Whether somebody other than the local admin may administer the farm. */
  hasAdmin(): Promise<boolean>;

  tokens(actor: Actor): Promise<readonly TokenView[]>;
  /** @errors FARM_FORBIDDEN where the token would may more than who makes it */
  addToken(actor: Actor, request: TokenRequest): Promise<NewToken>;
  /** @errors FARM_NOT_FOUND */
  revokeToken(actor: Actor, id: string): Promise<void>;

  list(): Promise<readonly AccountView[]>;
  /** Gives or, with null, takes a role; a login that is new here gets its account. */
  setRole(by: string, login: string, grant: { readonly project: string; readonly role: Role | null }): Promise<AccountView>;

  write(entry: AuditEntry): Promise<void>;
  read(project: string | null, before: string | null): Promise<AuditView>;
  /** The project that something belongs to; null where it is unknown. */
  projectOf(thing: { readonly kind: 'build' | 'edit' | 'hook' | 'alert'; readonly id: string }): Promise<string | null>;

  /** @errors FARM_NOT_FOUND, FARM_BAD_REQUEST where one address asks too often */
  ask(order: { readonly project: string; readonly platform: string; readonly asker: string; readonly why: string }): Promise<void>;

  hooks(project: string | null): Promise<readonly HookView[]>;
  addHook(by: string, order: { readonly project: string; readonly url: string }): Promise<NewHook>;
  removeHook(id: string): Promise<void>;
}

/** Sign-in with a provider that speaks OAuth 2 as GitHub does. */
export interface SignIn {
  /** Where the browser goes to. */
  address(order: { readonly state: string; readonly challenge: string; readonly redirect: string }): string;
  /** Who came back. @errors FARM_SIGN_IN */
  identify(order: { readonly code: string; readonly verifier: string; readonly redirect: string }): Promise<{ readonly providerId: string; readonly login: string }>;
}
