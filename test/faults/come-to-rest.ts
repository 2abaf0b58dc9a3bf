import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from './world.ts';

export interface Rest {
  readonly seconds: number;
  /** How often time was moved for what waits for later, and by how many seconds in all; a long run waits instead. */
  readonly moved: { readonly times: number; readonly seconds: number };
}

const pollMilliseconds = 200;
/** Nothing moves for so long before time is moved. */
const patienceMilliseconds = { short: 1_500, long: 40_000 };
/** Enough for whatever waits for a lease or a provider; then enough for the sweeper. */
const steps = { short: [30, ...Array<number>(8).fill(330)], long: Array<number>(30).fill(330) };
/** As long as something ends within this time, work goes on: thousands of documents take longer than a few hundred. */
const longestMilliseconds = { short: 90_000, long: 5_400_000 };

/**
 * Waits until nothing of a workspace is under way and no queue holds a message that could be received. Where only delayed work is
 * left, time is moved: rows and delayed messages become older, as they would by waiting. A long run waits for leases and providers
 * itself, and only has the sweeper's minutes moved.
 * @throws Error saying what was left when nothing ended for long
 */
export async function comeToRest(world: World, workspaceId: string, long: boolean): Promise<Rest> {
  const began = performance.now();
  const length = long ? 'long' : 'short';
  let until = began + longestMilliseconds[length];
  let fewest = Number.POSITIVE_INFINITY;
  let still = performance.now();
  let seconds = 0;
  let times = 0;
  for (;;) {
    const left = await unfinished(world, workspaceId);
    const queues = queuesOf(world);
    // A file that could not be registered has no row yet: its event is all that there is of it.
    for (const { name, delayed } of queues) if (name.endsWith('-uploads') && delayed > 0) left.push('a file');
    const isMoving = queues.some(({ visible, inFlight }) => visible + inFlight > 0);
    if (left.length === 0 && !isMoving)
      return { seconds: (performance.now() - began) / 1_000, moved: { times, seconds } };
    if (left.length < fewest) {
      fewest = left.length;
      until = performance.now() + longestMilliseconds[length];
    }
    if (performance.now() > until)
      throw new Error(`it did not come to rest: ${left.slice(0, 5).join(', ')}; ${JSON.stringify(queues)}`);
    if (isMoving) still = performance.now();
    else if (performance.now() - still > patienceMilliseconds[length]) {
      const step = steps[length][times];
      if (step === undefined) throw new Error(`it is stuck: ${left.slice(0, 5).join(', ')}; ${JSON.stringify(queues)}`);
      await moveTime(world, step);
      seconds += step;
      times += 1;
      still = performance.now();
    }
    await sleep(pollMilliseconds);
  }
}

async function unfinished(world: World, workspaceId: string): Promise<string[]> {
  const { rows } = await world.admin.query<{ left: string }>(
    `SELECT 'version ' || document_id || ' v' || version || ' ' || status AS left FROM dbrag.document_versions
     WHERE workspace_id = $1 AND status NOT IN ('ready', 'failed', 'cancelled')
     UNION ALL SELECT 'job ' || type || ' ' || id || ' ' || status FROM dbrag.jobs
     WHERE workspace_id = $1 AND status IN ('queued', 'running')`,
    [workspaceId],
  );
  return rows.map((row) => row.left);
}

/** Queues that hold something. */
export function queuesOf(world: World): { name: string; visible: number; inFlight: number; delayed: number }[] {
  return world.cloud.aws.sqs
    .stats()
    .filter(({ visible, inFlight, delayed }) => visible + inFlight + delayed > 0)
    .map(({ name, visible, inFlight, delayed }) => ({ name, visible, inFlight, delayed }));
}

/** As if so many seconds had passed: for rows that wait, for leases, circuits, the sweeper's chain, and for delayed messages. */
export async function moveTime({ admin, cloud }: World, seconds: number): Promise<void> {
  const by = `make_interval(secs => ${seconds})`;
  await admin.query(`
    UPDATE dbrag.document_versions SET created_at = created_at - ${by}, nudged_at = nudged_at - ${by}, waiting_until = waiting_until - ${by}
      WHERE status NOT IN ('ready', 'failed', 'cancelled');
    UPDATE dbrag.jobs SET created_at = created_at - ${by}, nudged_at = nudged_at - ${by} WHERE status IN ('queued', 'running');
    UPDATE dbrag.pending_embeddings SET leased_until = leased_until - ${by};
    UPDATE dbrag.model_circuits SET opened_at = opened_at - ${by}, next_call_at = next_call_at - ${by} WHERE opened_at IS NOT NULL;
    UPDATE dbrag.sweep_state SET armed_until = armed_until - ${by}, leased_until = leased_until - ${by};`);
  for (const { arn } of cloud.aws.sqs.stats()) cloud.aws.sqs.queue(arn)?.hasten(seconds * 1_000);
}
