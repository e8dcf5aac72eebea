/** Who may do what. A role holds in one project, or in the whole farm where the project is empty. */

export const roles = ['viewer', 'trigger', 'maintainer', 'admin'] as const;
export type Role = (typeof roles)[number];

export interface Grant {
  /** Empty for the whole farm. */
  readonly project: string;
  readonly role: Role;
}

/** Somebody who asks for something. */
export interface Actor {
  readonly accountId: string;
  readonly login: string;
  /** How it is known: the cookie of a browser, a token of an account, or the farm's own token. */
  readonly via: 'session' | 'token' | 'farm';
  readonly grants: readonly Grant[];
  /** Login at GitHub of one who signed in there with this browser; absent for tokens and the local admin. */
  readonly person?: string;
}

/** Whether a text names a role. */
export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);

const rank = (role: Role): number => roles.indexOf(role);

/** The lower of two roles. */
export const lower = (left: Role, right: Role): Role => (rank(left) < rank(right) ? left : right);

/** The highest role in a project; null where there is none. A role of the farm holds in every project. */
export function roleIn(grants: readonly Grant[], project: string): Role | null {
  const held = grants.filter((one) => one.project === '' || one.project === project).map(({ role }) => role);
  return held.reduce<Role | null>((best, role) => (best === null || rank(role) > rank(best) ? role : best), null);
}

/** Whether the grants hold a role, or a higher one, in a project (empty: in the whole farm). */
export function mayAct(grants: readonly Grant[], needed: Role, project: string): boolean {
  const role = roleIn(grants, project);
  return role !== null && rank(role) >= rank(needed);
}

/** What is left of an account's grants under a token's role and project: a token never may more than its account. */
export function narrowed(grants: readonly Grant[], token: Grant): Grant[] {
  return grants.flatMap((grant): Grant[] => {
    const role = lower(grant.role, token.role);
    if (token.project === '' || token.project === grant.project) return [{ project: grant.project, role }];
    return grant.project === '' ? [{ project: token.project, role }] : [];
  });
}
