import { setTimeout as sleep } from 'node:timers/promises';
import { campaign } from '../campaign.ts';
import type { Run } from '../run.ts';

/** Posts while something happens to the database: each client waits for its answer, however often it must ask. */
async function postDuring(run: Run, documents: number, happens: () => Promise<void>): Promise<void> {
  const posting = run.traffic.post(documents);
  // The first are under way.
  await sleep(300);
  await happens();
  await posting;
}

const terminateAll = (run: Run): Promise<{ rowCount: number | null }> =>
  run.world.admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('dbrag_app', 'dbrag_maintainer')`,
  );

/**
 * From now on a share of the inserts into a table fails with this SQLSTATE. Ends when the world is healed. A sequence counts, since no
 * rollback takes it back.
 */
async function failInserts(run: Run, table: string, state: string, share: number): Promise<void> {
  const name = `fail_${table}_${state.toLowerCase()}`;
  await run.world.admin.query(`
    CREATE SCHEMA IF NOT EXISTS faults;
    GRANT USAGE ON SCHEMA faults TO PUBLIC;
    CREATE SEQUENCE IF NOT EXISTS faults.raised;
    GRANT USAGE ON SEQUENCE faults.raised TO PUBLIC;
    CREATE FUNCTION faults.${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF random() < ${share} THEN PERFORM nextval('faults.raised'); RAISE EXCEPTION 'injected' USING ERRCODE = '${state}'; END IF; RETURN NULL; END $$;
    CREATE TRIGGER ${name} BEFORE INSERT ON dbrag.${table} FOR EACH STATEMENT EXECUTE FUNCTION faults.${name}();`);
}

async function tellRaised(run: Run): Promise<void> {
  const raised = await run.count(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM faults.raised WHERE $1::uuid IS NOT NULL',
  );
  run.expect('errors raised', raised, raised > 0);
}

export const database = [
  campaign({
    id: 'F20',
    fault: 'backends are terminated in the middle of transactions (57P01)',
    expected: 'the connection is given up, the transaction or the message tried again',
    criteria: 'nothing failed',
    async run(run) {
      let terminated = 0;
      await postDuring(run, run.documents(16), async () => {
        const until = performance.now() + run.outage(60) * 1_000;
        while (performance.now() < until) {
          terminated += (await terminateAll(run)).rowCount ?? 0;
          await sleep(250);
        }
      });
      run.expect('backends terminated', terminated, terminated > 0);
      run.note('requests repeated', run.traffic.repeated);
    },
  }),
  campaign({
    id: 'F21',
    fault: 'the writer turns read-only (25006)',
    expected: 'callers are told to come again, messages come again',
    criteria: 'nothing failed',
    async run(run) {
      await postDuring(run, run.documents(10), async () => {
        await run.world.admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
        await run.world.admin.query('SELECT pg_reload_conf()');
        // The others may all have been answered by now.
        const posted = run.traffic.post(run.documents(4));
        await sleep(run.outage(40) * 1_000);
        await run.world.admin.query('ALTER SYSTEM RESET default_transaction_read_only');
        await run.world.admin.query('SELECT pg_reload_conf()');
        await posted;
      });
      run.expect('requests repeated', run.traffic.repeated, run.traffic.repeated > 0);
    },
  }),
  campaign({
    id: 'F22',
    fault: 'the database stands still while its connections stay open',
    expected: 'each attempt ends with its time-out; nobody waits for the network to notice',
    criteria: 'nothing failed; a request is answered within 5 s of the thaw',
    async run(run) {
      await postDuring(run, run.documents(8), async () => {
        run.world.postgres.freeze();
        await sleep(Math.max(6, run.outage(60)) * 1_000);
        run.world.postgres.pass();
      });
      const began = performance.now();
      await run.traffic.request('GET', '/v1/documents?limit=1');
      const seconds = (performance.now() - began) / 1_000;
      run.expect('answer after the thaw', `${seconds.toFixed(1)} s`, seconds < 5);
    },
  }),
  campaign({
    id: 'F23',
    fault: 'transactions are committed, and the connection breaks before anybody is told',
    expected: 'whoever tries again finds it done',
    criteria: 'every cut happened; one version each, metered once',
    async run(run) {
      const cuts = run.settings.long ? 60 : 12;
      const before = run.world.postgres.cutCommits;
      run.world.postgres.cutAfterCommit(cuts);
      await run.traffic.post(run.documents(12));
      await sleep(2_000);
      const cut = run.world.postgres.cutCommits - before;
      run.expect('cuts', cut, cut === cuts);
      run.afterwards(async () => {
        const versions = await run.count('SELECT max(version) FROM dbrag.documents WHERE workspace_id = $1');
        run.expect('versions of a document', versions, versions === 1);
      });
    },
  }),
  campaign({
    id: 'F24',
    fault: 'there are too few connections (53300)',
    expected: 'callers are told to come again, messages come again',
    criteria: 'nothing failed, nothing hangs',
    async run(run) {
      await postDuring(run, run.documents(8), async () => {
        await run.world.admin.query('ALTER ROLE dbrag_app CONNECTION LIMIT 1');
        await terminateAll(run);
        await sleep((run.outage(60) * 1_000) / 2);
        await run.world.admin.query('ALTER ROLE dbrag_app CONNECTION LIMIT 0');
        await terminateAll(run);
        const refused = run.traffic.post(2);
        await run.until(() => run.traffic.repeated > 0, 10);
        await sleep((run.outage(60) * 1_000) / 2);
        await run.world.admin.query('ALTER ROLE dbrag_app CONNECTION LIMIT -1');
        await refused;
      });
      run.expect('requests repeated', run.traffic.repeated, run.traffic.repeated > 0);
    },
  }),
  campaign({
    id: 'F25',
    fault: 'transactions meet others: 40001, 40P01, 55P03, and rows that are locked for long',
    expected: 'a few tries of the transaction, then the message comes again',
    criteria: 'nothing failed, nothing twice',
    async run(run) {
      await failInserts(run, 'placements', '40001', 0.2);
      await failInserts(run, 'embeddings', '40P01', 0.2);
      await failInserts(run, 'chunks', '55P03', 0.1);
      await postDuring(run, run.documents(14), async () => {
        await run.world.admin.query('BEGIN');
        await run.world.admin.query('SELECT FROM dbrag.documents WHERE workspace_id = $1 FOR UPDATE', [
          run.traffic.workspaceId,
        ]);
        await sleep(run.outage(40) * 1_000);
        await run.world.admin.query('ROLLBACK');
      });
      await sleep(2_000);
      await tellRaised(run);
    },
  }),
  campaign({
    id: 'F26',
    fault: 'the database has no room (53100), no memory (53200), no time (57014) for a statement',
    expected: 'the transaction is undone as a whole; the message comes again',
    criteria: 'nothing failed, no part of a version visible',
    async run(run) {
      await failInserts(run, 'chunks', '53100', 0.25);
      await failInserts(run, 'embeddings', '53200', 0.25);
      await failInserts(run, 'placements', '57014', 0.15);
      await run.traffic.post(run.documents(10));
      await sleep(3_000);
      await tellRaised(run);
    },
  }),
];
