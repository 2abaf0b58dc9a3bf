import { unzipSync } from 'fflate';
import { ApiClient, type Json } from '../../support/api-client.ts';
import { campaign } from '../campaign.ts';
import type { ArmedFailpoint } from '../failpoint-control.ts';
import { objectListing } from '../object-listing.ts';
import type { Run } from '../run.ts';

/** Deaths at one place: fewer than receives that a message has. */
const deathsOf = (run: Run): number[] => (run.settings.long ? [1, 2, 3] : [1]);

function tellSpared(run: Run, armed: readonly ArmedFailpoint[]): void {
  const spared = armed.filter(({ struck, rule }) => struck < (rule.passes as number[]).length);
  run.expect('not killed at', spared.map(({ rule }) => rule.name).join(' ') || 'nowhere', spared.length === 0);
}

const linesOf = (file: Uint8Array | undefined): number =>
  Buffer.from(file ?? [])
    .toString()
    .split('\n')
    .filter(Boolean).length;

/** The end of a job, however long its message takes to come again; time is moved where it must be nudged. */
async function endOf(run: Run, job: Json): Promise<Json> {
  await run.endure();
  return (await run.traffic.request('GET', `/v1/jobs/${job.id}`)).body;
}

async function eraseSubject(run: Run): Promise<void> {
  const { traffic } = run;
  for (let n = 0; n < 3; n++) await traffic.request('POST', '/v1/conversations', { subject: 'ada' });
  const { body } = await traffic.request('DELETE', '/v1/subjects/ada');
  const job = await endOf(run, body.job);
  const { remaining } = (await traffic.request('GET', `/v1/erasures/${job.id}`)).body;
  run.expect('left of the subject', JSON.stringify(remaining), job.status === 'succeeded' && isEmpty(remaining));
  run.expect('conversations that went', job.result?.erased?.conversations, job.result?.erased?.conversations === 3);
}

async function eraseWorkspace(run: Run): Promise<void> {
  const { traffic, world } = run;
  // The first to ask dies before anybody is nudged; who asks again is told of the same job.
  const asked = await traffic.request('DELETE', '/v1/workspace');
  run.expect('asked again', asked.status, asked.status === 202);
  for (const accepted of traffic.accepted.values()) accepted.fate = 'deleted';
  await run.endure();
  const operator = new ApiClient(world.cloud.url, world.cloud.operatorKey);
  const path = `/v1/erasures/${asked.body.job.id}`;
  await run.until(async () => (await operator.get(path)).body?.status === 'succeeded', 60);
  const { status, remaining } = (await operator.get(path)).body;
  run.expect('left of the workspace', JSON.stringify(remaining), status === 'succeeded' && isEmpty(remaining));
  const listing = objectListing(world);
  for (const prefix of ['uploads', 'content'] as const) {
    const objects = await listing.list(`${prefix}/${traffic.publicWorkspaceId}/`, undefined);
    run.expect(`objects under ${prefix}/`, objects.length, objects.length === 0);
  }
  const cached = (await world.cache.keys('*')).filter((key) => key.includes(traffic.workspaceId));
  run.expect('cache entries', cached.length, cached.length === 0);
}

const isEmpty = (remaining: object | undefined): boolean =>
  remaining !== undefined && Object.keys(remaining).length === 0;

export const privacy = [
  campaign({
    id: 'export',
    fault: 'the worker that writes an archive is killed in the middle of it, and behind it',
    expected: 'the next begins that archive anew; what was written before is removed',
    criteria: 'one archive with every row and every file of its moment, and no other in the bucket',
    async run(run) {
      await run.traffic.post(run.documents(20));
      await run.traffic.put('exported.md', '# Exported\n\nWith the rest.');
      await run.rest();
      const kill = { handler: 'queue/maintain', action: 'kill' } as const;
      const kills = [
        run.arm({ ...kill, name: 'export.mid_zip', passes: deathsOf(run) }),
        // Once: both together are still fewer than receives.
        run.arm({ ...kill, name: 'export.before_record', passes: [1] }),
      ];
      const { body } = await run.traffic.request('POST', '/v1/exports', { scope: 'workspace' }, 'export');
      const job = await endOf(run, body.job);
      tellSpared(run, kills);
      const { archives = [], url } = job.result ?? {};
      run.expect('archives', archives.length, job.status === 'succeeded' && archives.length === 1);
      // Removed behind the end of the job.
      const prefix = `content/${run.traffic.publicWorkspaceId}/exports/`;
      const kept = () => objectListing(run.world).list(prefix, undefined);
      await run.until(async () => (await kept()).length <= archives.length, 60);
      run.expect('objects of archives', (await kept()).length, (await kept()).length === archives.length);
      const files = unzipSync(new Uint8Array(await (await fetch(url)).arrayBuffer()));
      for (const table of ['chunks', 'documents']) {
        const held = await run.count(`SELECT count(*) FROM dbrag.${table} WHERE workspace_id = $1`);
        const lines = linesOf(files[`tables/${table}.jsonl`]);
        run.expect(`${table} of ${held}`, lines, lines === held);
      }
      const originals = Object.keys(files).filter((path) => path.startsWith('files/')).length;
      run.expect(`files of ${run.traffic.accepted.size}`, originals, originals === run.traffic.accepted.size);
    },
  }),
  campaign({
    id: 'erasure',
    fault: 'the API and workers are killed while they erase a subject, and then the workspace',
    expected: 'the deletion goes on where it was, and ends with its certificate',
    criteria: 'no row, object or cache entry is left; who asked again is told of the same job',
    async run(run) {
      await run.traffic.post(run.documents(20));
      await run.traffic.put('erased.md', '# Erased\n\nWith the rest.');
      await run.rest();
      const passes = deathsOf(run);
      const ofSubject = run.arm({ handler: 'queue/maintain', name: 'erase.before_last_row', action: 'kill', passes });
      await eraseSubject(run);
      tellSpared(run, [ofSubject]);
      run.world.failpoints.clear();
      const ofWorkspace = [
        run.arm({ handler: 'http/api', name: 'erase.after_begin', action: 'kill', passes: [1] }),
        ...['erase.after_objects', 'erase.before_last_row'].map((name) =>
          run.arm({ handler: 'queue/maintain', name, action: 'kill', passes }),
        ),
      ];
      // More work is under way than can have ended.
      await run.traffic.post(run.documents(10));
      await eraseWorkspace(run);
      tellSpared(run, ofWorkspace);
    },
  }),
];
