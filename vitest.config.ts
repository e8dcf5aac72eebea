import { defineConfig } from 'vitest/config';
import { CountingReporter } from './test/support/reporter.ts';

const minute = 60_000;

/** Test files that share a machine's farm, engine or ports run one after the other. */
const alone = { fileParallelism: false, pool: 'forks', isolate: true } as const;

export default defineConfig({
  test: {
    teardownTimeout: 2 * minute,
    reporters: [new CountingReporter()],
    projects: [
      {
        test: {
          name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000, pool: 'threads',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...alone, name: 'integration', include: ['test/integration/**/*.test.ts'],
          testTimeout: 3 * minute, hookTimeout: 5 * minute,
          globalSetup: ['test/support/postgres.ts'], sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...alone, name: 'e2e', include: ['test/e2e/**/*.test.ts'],
          testTimeout: 20 * minute, hookTimeout: 10 * minute,
          globalSetup: ['test/support/farm.ts'], sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
