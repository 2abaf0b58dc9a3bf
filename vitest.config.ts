import { defineConfig } from 'vitest/config';

const standIns = 'test/integration/local-cloud/**/*.test.ts';

/** What takes long to try and is seldom touched: `npm run test:long`, and once more on native engines. */
const long = [
  'test/infra/acting-failpoints.test.ts',
  'test/infra/backup-copies.test.ts',
  'test/infra/cost-of-stages.test.ts',
  'test/unit/ingestion/formats/hostile-files.test.ts',
  'test/integration/api/api-long.test.ts',
  'test/integration/audit-trail.test.ts',
  'test/integration/databases/catalog.test.ts',
  'test/integration/databases/customer-databases.test.ts',
  'test/integration/databases/run-statement.test.ts',
  'test/integration/faults/killed-database.test.ts',
  'test/integration/faults/killed-worker.test.ts',
  'test/integration/indexing/autopilot.test.ts',
  'test/integration/ingestion/batch-embed.test.ts',
  'test/integration/ingestion/bulk-load.test.ts',
  'test/integration/ingestion/model-outage.test.ts',
  'test/integration/ingestion/races.test.ts',
  'test/integration/ingestion/upload-sequences.test.ts',
  'test/integration/lists-by-index.test.ts',
  'test/integration/migration-under-load.test.ts',
  'test/integration/migrations.test.ts',
  'test/integration/privacy.test.ts',
  'test/integration/search-as-it-grows.test.ts',
  'test/integration/search-statistics.test.ts',
  'test/integration/slow-statements.test.ts',
  'test/integration/upgrade-with-data.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: long, testTimeout: 20_000 } },
      {
        test: {
          name: 'infra',
          include: ['test/infra/**/*.test.ts'],
          exclude: long,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
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
          name: 'long',
          include: long,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: [standIns, ...long],
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
