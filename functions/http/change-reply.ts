import { type Change, type CommittedChange, commitChange, findReplay } from '../../shared/access/commit-change.ts';
import type { Caller, Narrowing } from '../../shared/core/caller.ts';
import type { Db } from '../../shared/core/database.ts';
import type { Reply, RouteContext } from './route.ts';

type ChangeContext = Pick<RouteContext<unknown, unknown, unknown>, 'services' | 'origin' | 'idempotency'> & {
  readonly caller: Pick<Caller, 'workspaceId' | 'actor' | keyof Narrowing>;
};

/** Renews what has expired in a replayed answer, such as a signed URL. */
type Refresh = (body: unknown) => Promise<unknown>;

/** Commits a change and replies with it, or with the answer of an earlier call under the same `Idempotency-Key`. */
export async function changeReply(
  context: ChangeContext,
  work: (db: Db) => Promise<Change>,
  refresh?: Refresh,
): Promise<Reply> {
  return replyOf(await commitChange(context.services.database, context, work), refresh);
}

/** The answer of an earlier call under the same `Idempotency-Key`: looked up before work that cannot be part of the transaction. */
export async function replayReply(context: ChangeContext, refresh?: Refresh): Promise<Reply | undefined> {
  const replay = await findReplay(context.services.database, context);
  return replay && replyOf(replay, refresh);
}

async function replyOf(
  { status, body, headers, replayed }: CommittedChange,
  refresh: Refresh | undefined,
): Promise<Reply> {
  if (!replayed) return { status, body, headers };
  return replayedReply({ status, body: refresh ? await refresh(body) : body, headers });
}

/** The answer of an earlier call under the same `Idempotency-Key`, marked as such. */
export function replayedReply({ status, body, headers }: Reply): Reply {
  return { status, body, headers: { ...headers, 'idempotency-replayed': 'true' } };
}
