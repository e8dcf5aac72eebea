import type { Measure } from './measure.ts';
import type { BenchMachine, BenchVersions } from './machine.ts';

export interface CaseOptions {
  /** A smaller form that ends within a minute; it judges the same ratios on fewer rounds or cells. */
  readonly short: boolean;
  /** For progress, one line at a time. */
  readonly say: (line: string) => void;
}

/** One benchmark: both sides of every ratio are measured in one execution. */
export interface BenchCase {
  readonly name: string;
  /** What is compared with what, one sentence. */
  readonly compares: string;
  run(options: CaseOptions): Promise<CaseResult>;
}

export interface CaseResult {
  readonly measures: readonly Measure[];
  /** What a reader must know to judge the numbers. */
  readonly notes: readonly string[];
}

/** A file of results/. */
export interface KeptResult extends CaseResult {
  readonly case: string;
  readonly compares: string;
  readonly short: boolean;
  /** ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  readonly versions: BenchVersions;
  readonly machine: BenchMachine;
}
