import { createContext, useContext, useMemo, type ReactElement, type ReactNode } from 'react';
import { mayAct, type Grant, type Role } from '../orchestrator/domain/roles.ts';
import { answerOf, client } from './client.ts';
import { useLoaded } from './load.ts';

export interface Session {
  readonly login: string | null;
  readonly local: boolean;
  readonly github: boolean;
  /** False until the farm has answered. */
  readonly known: boolean;
  may(role: Role, project?: string): boolean;
  reload(): void;
}

const nobody: Session = { login: null, local: false, github: false, known: false, may: () => false, reload: () => undefined };
const SessionContext = createContext<Session>(nobody);

/** Who is signed in. */
export const useSession = (): Session => useContext(SessionContext);

/** Asks once who is signed in, for all pages. */
export function WithSession({ children }: { children: ReactNode }): ReactElement {
  const { value, reload } = useLoaded('session', () => answerOf(client.GET('/api/session')));
  const session = useMemo((): Session => (value === null ? { ...nobody, reload } : {
    login: value.login, local: value.local, github: value.github, known: true, reload,
    may: (role, project = '') => mayAct(value.grants as Grant[], role, project),
  }), [value, reload]);
  return <SessionContext value={session}>{children}</SessionContext>;
}
