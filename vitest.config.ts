import { defineConfig } from 'vitest/config';

const standIns = 'test/integration/local-cloud/**/*.test.ts';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 } },
      { test: { name: 'infra', include: ['test/infra/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 } },
      // What the stand-ins of the local cloud promise, kills and restarts included: they change seldom and take long to try.
      {
        test: {
          name: 'local-cloud',
          include: [standIns],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: [standIns],
          globalSetup: ['test/support/shared-cloud-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
    // Two cores are the machine that the tests are held to.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
