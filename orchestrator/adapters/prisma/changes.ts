import pg from 'pg';
import type { Database, Tx } from './database.ts';

type Channel = 'farm_build' | 'farm_log' | 'farm_source' | 'farm_trigger';

/** Tells every process of the control plane that a build, a log, a source or an announced release has changed. */
export interface Changes {
  /** Inside a transaction the word goes out when it commits: for what a listener must not miss. */
  tell(tx: Tx, channel: Channel, id: string): Promise<void>;
  /**
   * After a commit: words of a moment go out together, each once. Transactions that notify commit one after the other,
   * with the disk between them; a thousand cells that move would wait for each other.
   */
  tellSoon(channel: Channel, id: string): void;
  /** Calls back on every change, and after a lost connection once, because changes may have been missed. */
  on(channel: Channel, id: string, changed: () => void): () => void;
  /** Calls back on every change of a channel with its id; with null after a lost connection. */
  every(channel: Channel, changed: (id: string | null) => void): () => void;
  close(): Promise<void>;
}

const reconnectMs = 500;
const togetherMs = 50;

/** Changes over Postgres NOTIFY: one listening connection for the process, opened at the first listener. */
export function openChanges(database: Database): Changes {
  const listeners = new Map<string, Set<() => void>>();
  let client: pg.Client | null = null;
  let opening: Promise<void> | null = null;
  let closed = false;

  const everywhere = new Map<Channel, Set<(id: string | null) => void>>();

  const callAll = (): void => {
    for (const set of listeners.values()) for (const changed of set) changed();
    for (const set of everywhere.values()) for (const changed of set) changed(null);
  };

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: database.url });
    next.on('notification', ({ channel, payload }) => {
      for (const changed of listeners.get(`${channel} ${payload ?? ''}`) ?? []) changed();
      for (const changed of everywhere.get(channel as Channel) ?? []) changed(payload ?? '');
    });
    next.on('error', () => undefined);
    next.on('end', () => {
      client = null;
      opening = null;
      if (!closed) setTimeout(() => void listen().then(callAll, () => undefined), reconnectMs).unref();
    });
    await next.connect();
    await next.query('listen farm_build; listen farm_log; listen farm_source; listen farm_trigger');
    client = next;
    if (closed) await next.end();
  }

  const listen = (): Promise<void> => {
    opening ??= connect().catch((error: unknown) => {
      opening = null;
      if (!closed) setTimeout(() => void listen().then(callAll, () => undefined), reconnectMs).unref();
      throw error;
    });
    return opening;
  };

  const soon = new Map<string, { readonly channel: Channel; readonly id: string }>();
  let timer: NodeJS.Timeout | null = null;
  const flush = async (): Promise<void> => {
    timer = null;
    const words = [...soon.values()];
    soon.clear();
    if (words.length === 0) return;
    // Listeners look by themselves every second, too: a database that is away loses no more than time. For the same
    // reason the disk is not waited for: what was changed has been committed before.
    await database.pool.query({
      name: 'tell-soon', values: [words.map(({ channel }) => channel), words.map(({ id }) => id)],
      text: `select set_config('synchronous_commit', 'off', true), pg_notify(c, i) from unnest($1::text[], $2::text[]) as w(c, i)`,
    }).catch(() => undefined);
  };

  return {
    tellSoon(channel, id) {
      soon.set(`${channel} ${id}`, { channel, id });
      if (!closed) timer ??= setTimeout(() => void flush(), togetherMs);
    },
    async tell(tx, channel, id) {
      await tx.$executeRaw`select pg_notify(${channel}, ${id})`;
    },
    on(channel, id, changed) {
      const key = `${channel} ${id}`;
      const set = listeners.get(key) ?? new Set();
      listeners.set(key, set.add(changed));
      // What happened before LISTEN was in force is seen by the first call.
      if (!client) void listen().then(changed, () => undefined);
      return () => {
        set.delete(changed);
        if (set.size === 0) listeners.delete(key);
      };
    },
    every(channel, changed) {
      const set = everywhere.get(channel) ?? new Set();
      everywhere.set(channel, set.add(changed));
      if (!client) void listen().catch(() => undefined);
      return () => { set.delete(changed); };
    },
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await flush();
      listeners.clear();
      everywhere.clear();
      await client?.end();
    },
  };
}
