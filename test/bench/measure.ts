/** Numbers of a benchmark as values: medians, ranges, verdicts, tables. Pure. */

export interface Target {
  /** `at most` for times and sizes, `at least` for rates. */
  readonly is: 'at most' | 'at least';
  readonly value: number;
}

/** One figure over the rounds of one execution. */
export interface Measure {
  readonly name: string;
  /** `ratio`, `s`, `ms`, `bytes`, `events`, `MB`, `1/s` */
  readonly unit: string;
  readonly rounds: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Null for a figure that is there for information. */
  readonly target: Target | null;
  readonly met: boolean | null;
}

/** The middle of the values; the mean of the two middle ones where their number is even. @errors throws on none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined) throw new Error('no values');
  return (low + high) / 2;
}

/** A measure with its verdict: the median is compared with the target. @errors throws on no rounds or no number */
export function measure(name: string, unit: string, rounds: readonly number[], target: Target | null = null): Measure {
  if (rounds.some((value) => !Number.isFinite(value))) throw new Error(`${name} is no number: ${rounds.join(', ')}`);
  const middle = median(rounds);
  return {
    name, unit, rounds: rounds.map(rounded), median: rounded(middle), min: rounded(Math.min(...rounds)),
    max: rounded(Math.max(...rounds)), target, met: target === null ? null : meets(middle, target),
  };
}

/** Each round's a divided by its own b: what disturbs a round disturbs both. @errors throws on unequal lengths */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new Error(`${a.length} rounds against ${b.length}`);
  return a.map((value, at) => value / (b[at] as number));
}

export const atMost = (value: number): Target => ({ is: 'at most', value });
export const atLeast = (value: number): Target => ({ is: 'at least', value });

const meets = (value: number, target: Target): boolean =>
  (target.is === 'at most' ? value <= target.value : value >= target.value);

/** Four digits that count: what a clock on a shared machine can say. */
export const rounded = (value: number): number => Number(value.toPrecision(4));

/** One line of a table: `| name | 0.61 (0.58 to 0.64) | at least 0.5 | yes |` */
export function tableLine({ name, unit, rounds, median: middle, min, max, target, met }: Measure): string {
  const unitText = unit === 'ratio' ? '×' : ` ${unit}`;
  const range = rounds.length > 1 ? ` (${min} to ${max}, ${rounds.length} rounds)` : '';
  const wanted = target ? `${target.is} ${target.value}${unitText}` : '';
  return `| ${name} | ${middle}${unitText}${range} | ${wanted} | ${met === null ? '' : met ? 'yes' : '**no**'} |`;
}
