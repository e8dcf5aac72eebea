/**
 * Accounts, tokens, audit and what strangers may ask for, as they cross the wall.
 *
 *   GET    /api/session                       SessionView
 *   POST   /api/session                       {token} -> SessionView; opens a session with a token of the API
 *   DELETE /api/session                       -> 204
 *   GET    /api/tokens                        TokenView[] of the asker; POST -> NewToken (201); DELETE /api/tokens/:id
 *   GET    /api/accounts                      AccountView[]; PUT /api/accounts/:login/roles RoleChange -> AccountView
 *   GET    /api/audit?project&before          AuditView
 *   POST   /api/projects/:name/asks           {platform, why} -> 204; anybody may
 *   GET    /api/hooks?project                 HookView[]; POST -> NewHook (201); DELETE /api/hooks/:id
 */
import { Type, type Static } from 'typebox';

const Text = Type.Union([Type.String(), Type.Null()]);
const RoleName = Type.Union([Type.Literal('viewer'), Type.Literal('trigger'), Type.Literal('maintainer'), Type.Literal('admin')]);
const ProjectName = Type.String({ maxLength: 200 });
const GrantShape = Type.Object({ project: Type.String(), role: Type.String() });

export const SessionView = Type.Object({
  login: Text,
  grants: Type.Array(GrantShape),
  /** True where the one local admin is signed in by being on this machine. */
  local: Type.Boolean(),
  /** Whether somebody can sign in with GitHub here. */
  github: Type.Boolean(),
});
export type SessionView = Static<typeof SessionView>;

export const SignInRequest = Type.Object({ token: Type.String({ maxLength: 200 }) });

export const TokenView = Type.Object({
  id: Type.String(), name: Type.String(), project: Type.String(), role: Type.String(), createdAt: Type.String(),
  expiresAt: Text, lastUsedAt: Text, revokedAt: Text,
});
export type TokenView = Static<typeof TokenView>;
export const TokenRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' }), project: Type.Optional(ProjectName),
  /** `worker` opens `/worker/` for a machine that joins a pool, and nothing else; an admin of the farm makes it. */
  role: Type.Union([RoleName, Type.Literal('worker')]),
  days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650 })),
});
export type TokenRequest = Static<typeof TokenRequest>;
/** The only answer that holds the token itself. */
export const NewToken = Type.Object({ ...TokenView.properties, token: Type.String() });
export type NewToken = Static<typeof NewToken>;

export const AccountView = Type.Object({
  login: Type.String(), kind: Type.String(), createdAt: Type.String(), grants: Type.Array(GrantShape),
});
export type AccountView = Static<typeof AccountView>;
export const RoleChange = Type.Object({ project: Type.Optional(ProjectName), role: Type.Union([RoleName, Type.Null()]) });

export const AuditView = Type.Object({
  events: Type.Array(Type.Object({
    id: Type.String(), at: Type.String(), actor: Type.String(), via: Type.String(), action: Type.String(), project: Type.String(),
    status: Type.Integer(), detail: Type.Record(Type.String(), Type.Unknown()),
  })),
});
export type AuditView = Static<typeof AuditView>;

export const AskRequest = Type.Object({
  platform: Type.String({ minLength: 1, maxLength: 60, pattern: '^[a-z0-9_]+$' }), why: Type.Optional(Type.String({ maxLength: 300 })),
});

export const HookView = Type.Object({
  id: Type.String(), project: Type.String(), url: Type.String(), createdBy: Type.String(), createdAt: Type.String(),
  serial: Type.Integer(), failures: Type.Integer(), lastStatus: Text,
});
export type HookView = Static<typeof HookView>;
export const HookRequest = Type.Object({
  project: Type.Optional(ProjectName), url: Type.String({ maxLength: 500, pattern: '^https?://' }),
});
export const NewHook = Type.Object({ ...HookView.properties, secret: Type.String() });
export type NewHook = Static<typeof NewHook>;
