/**
 * One export in a process that does nothing else and imports nothing of the tests, so that its memory is the exporter's: the adapters of
 * the function, and a bucket that is reached over HTTP. Started by `export.ts` with its order as JSON; answers with what it took.
 */
import { readFileSync } from 'node:fs';
import { createPostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import { createS3ObjectStore } from '../../shared/adapters/s3/s3-object-store.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import { runExport } from '../../shared/privacy/run-export.ts';

export interface ExportOrder {
  readonly databaseUrl: string;
  readonly bucket: string;
  readonly workspaceId: string;
  readonly jobId: string;
}

export interface ExportCost {
  readonly seconds: number;
  /** Resident before the export began. */
  readonly bytesAtFirst: number;
  /** The most that was ever resident, as the kernel keeps it. */
  readonly bytesAtMost: number;
}

const { databaseUrl, bucket, workspaceId, jobId } = JSON.parse(process.argv[2] ?? '') as ExportOrder;
const { hostname, port, pathname, username, password } = new URL(databaseUrl);
const database = createPostgresDatabase({
  host: hostname,
  port: Number(port),
  database: pathname.slice(1),
  user: username,
  password: async () => password,
  tls: 'off',
});
const ports = {
  database,
  objects: createS3ObjectStore(bucket, systemClock),
  queue: { send: async () => 1, depth: async () => 0 },
  clock: systemClock,
  failpoint: noFailpoint,
  keys: null,
};
const bytesAtFirst = process.memoryUsage.rss();
const started = performance.now();
await runExport(ports, workspaceId, jobId, () => true);
const seconds = (performance.now() - started) / 1_000;
const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
process.send?.({ seconds, bytesAtFirst, bytesAtMost: kilobytes * 1_024 } satisfies ExportCost);
await database.close();
process.disconnect?.();
