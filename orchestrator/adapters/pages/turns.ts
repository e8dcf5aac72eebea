/**
 * Reads one thing at a time for each name. Whoever asks while a reading goes on shares the next one, which begins after
 * the question: many that ask at once cost two readings, and nobody is told less than was there when they asked.
 */
export function inTurns<T>(read: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const turns = new Map<string, { readonly now: Promise<T>; next: Promise<T> | null }>();
  const begin = (name: string): Promise<T> => {
    const turn = {
      next: null as Promise<T> | null,
      now: read(name).finally(() => { if (turn.next === null) turns.delete(name); }),
    };
    turns.set(name, turn);
    return turn.now;
  };
  return (name) => {
    const turn = turns.get(name);
    if (!turn) return begin(name);
    const after = (): Promise<T> => begin(name);
    return turn.next ??= turn.now.then(after, after);
  };
}
