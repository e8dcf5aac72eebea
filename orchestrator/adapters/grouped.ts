/** Many calls of a moment as one: what each of them would pay alone is paid once. */
export interface Grouping {
  /** How many go together at most. */
  readonly atOnceMax: number;
  /** How long after the beginning of a group the next one begins at the earliest. @unit milliseconds */
  readonly apartMs: number;
  /** Where a group fails as a whole, each is tried alone: one that cannot be done fails no other. */
  readonly aloneAfter?: true;
}

/**
 * Group commit: while one group is under way, or began a moment ago, the next one gathers. A call that finds nobody waits
 * for nobody; many share their round trip and their disk.
 * @param work answers each of a group in its order, with an error for those that failed; what it throws is the error of all
 */
export function grouped<T, R>(
  work: (group: readonly T[]) => Promise<readonly (R | Error)[]>, { atOnceMax, apartMs, aloneAfter }: Grouping,
): (one: T) => Promise<R> {
  let waiting: { readonly one: T; readonly done: (answer: R | Error) => void }[] = [];
  let going = false;
  let began = -Infinity;
  const answered = async (group: readonly T[]): Promise<readonly (R | Error)[]> => {
    try {
      return await work(group);
    } catch (error) {
      if (!aloneAfter || group.length === 1) return group.map(() => error as Error);
      return (await Promise.all(group.map((one) => answered([one])))).flat();
    }
  };
  const drain = async (): Promise<void> => {
    going = true;
    while (waiting.length > 0) {
      const early = began + apartMs - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      began = performance.now();
      const group = waiting.slice(0, atOnceMax);
      waiting = waiting.slice(atOnceMax);
      const answers = await answered(group.map(({ one }) => one));
      group.forEach(({ done }, at) => {
        const answer = answers[at];
        done(answer === undefined ? new Error('a call of a group got no answer') : answer);
      });
    }
    going = false;
  };
  return (one) => new Promise((resolve, reject) => {
    waiting.push({ one, done: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)) });
    if (!going) void drain();
  });
}

/** What is made once for each owner, and goes with it. */
export function onceFor<Owner extends object, Made>(make: (owner: Owner) => Made): (owner: Owner) => Made {
  const made = new WeakMap<Owner, Made>();
  return (owner) => {
    const known = made.get(owner) ?? make(owner);
    made.set(owner, known);
    return known;
  };
}
