import type { FastifyRequest } from 'fastify';
import { isValidName, normalizeName } from '../../domain/names.ts';
import type { Access } from './auth.ts';

type ProjectOf = NonNullable<Access['project']>;

const param = (request: FastifyRequest, name: string): string => String((request.params as Record<string, unknown>)[name] ?? '');
const normal = (text: string): string | null => (isValidName(text) ? normalizeName(text) : null);

/** The project of `name==version` or of an earlier build in a body; a source that somebody sent belongs to no project yet. */
export const ofWhat: ProjectOf = ({ body }, accounts) => {
  const { what, source, of } = Object(body) as { what?: unknown; source?: unknown; of?: unknown };
  if (typeof of === 'string') return source === undefined ? accounts.projectOf({ kind: 'build', id: of }) : null;
  return typeof what === 'string' && source === undefined ? normal((/^[^=<>!~;@\s[]*/.exec(what.trim()) ?? [''])[0]) : null;
};

/** The project in the address. */
export const ofName: ProjectOf = (request) => normal(param(request, 'name'));

/** The project of the build in the address. */
export const ofBuild: ProjectOf = (request, accounts) => accounts.projectOf({ kind: 'build', id: param(request, 'id') });

/** The project of the edit in the address. */
export const ofEdit: ProjectOf = (request, accounts) => accounts.projectOf({ kind: 'edit', id: param(request, 'id') });

/** The project of the alert in the address; one of several projects is the whole farm's. */
export const ofAlert: ProjectOf = (request, accounts) => accounts.projectOf({ kind: 'alert', id: param(request, 'id') });

/** The project of the webhook in the address. */
export const ofHook: ProjectOf = (request, accounts) => accounts.projectOf({ kind: 'hook', id: param(request, 'id') });

/** The project that a body or a query names; the whole farm where it names none. */
export const ofField: ProjectOf = ({ body, query }) => {
  const project = (Object(body) as { project?: unknown }).project ?? (Object(query) as { project?: unknown }).project;
  return typeof project === 'string' ? normal(project) : null;
};
