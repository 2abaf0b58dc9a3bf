import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { secretLogin } from '../../../infra/local/cloud/secret-values.ts';
import { migrate } from '../../../shared/adapters/postgres/migrate.ts';
import { environmentNames as names } from '../../../shared/core/env-names.ts';
import { campaign } from '../campaign.ts';
import type { Run } from '../run.ts';

/** What an expanding migration does to a busy table: a column with a default, and a check that is validated later. */
const expanding = `ALTER TABLE dbrag.documents ADD COLUMN campaign_note text NOT NULL DEFAULT '';
ALTER TABLE dbrag.document_versions ADD COLUMN campaign_note text;`;
const migrationsDirectory = fileURLToPath(new URL('../../../shared/migrations', import.meta.url));
/** A migration waits for a lock no longer than this before it lets everybody pass. */
const lockSeconds = 2;

export const deploy = [
  campaign({
    id: 'F37',
    fault: 'a migration runs while documents are being ingested',
    expected: 'it waits for its locks at most 2 s at a time; code of before works on with the new schema',
    criteria: 'applied; nothing failed; no request waits longer than the lock may',
    async run(run) {
      let slowest = 0;
      let posting = true;
      const clients = Array.from({ length: 3 }, async () => {
        while (posting) {
          const began = performance.now();
          await run.traffic.postOne();
          slowest = Math.max(slowest, performance.now() - began);
        }
      });
      await sleep(600);
      const applied = await migrateWith(run, expanding);
      await sleep(600);
      posting = false;
      await Promise.all(clients);
      run.expect('applied', applied.length, applied.length === 1);
      run.note('documents', run.traffic.accepted.size);
      // Posting itself takes its time on a busy machine.
      run.expect('slowest post', `${(slowest / 1_000).toFixed(1)} s`, slowest < (lockSeconds + 2) * 1_000);
    },
  }),
];

async function migrateWith(run: Run, sql: string): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-migrations-'));
  cpSync(migrationsDirectory, directory, { recursive: true });
  writeFileSync(join(directory, '9999-of-a-campaign.sql'), sql);
  const { host, port, database, user, password } = run.world.admin;
  const { cloud } = run.world;
  try {
    const { applied } = await migrate({
      connection: {
        host,
        port,
        database: database ?? '',
        user: user ?? '',
        password: async () => password ?? '',
        tls: 'off',
      },
      directory,
      settings: { partitions: 16, dimensions: 1_536 },
      passwords: passwordsOf(cloud),
    });
    return applied;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Those that are in force: a migration sets them again. */
function passwordsOf(cloud: Run['world']['cloud']): { application: string; maintainer: string } {
  const migration = cloud.assembly.functions.find(({ environment }) => names.databaseMaintainerSecret in environment);
  const login = (name: string): string => secretLogin(cloud.aws.secrets, migration?.environment[name] ?? '').password;
  return { application: login(names.databaseApplicationSecret), maintainer: login(names.databaseMaintainerSecret) };
}
