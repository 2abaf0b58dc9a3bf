import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { quotaExceeded, type WorkspaceQuotas } from './quotas.ts';
import { holdAlone } from './stored-amounts.ts';

/** What an answer takes at most, as prompts are made: 6,000 tokens of sources, the question, and what is written. */
const tokensOfAnAnswer = 8_000;
/** Longer than any answer may take: a process that died leaves nothing behind after that. */
const reservedSeconds = 120;

/** Descriptions of tables may spend this share of a day's chat tokens: the rest is left to people's questions. */
const shareOfDescriptions = 0.5;
/** Calls that are under way release what they do not need within seconds. */
const heldSeconds = 5;

/** Tokens of chat models that this day spent: the whole workspace's, whatever the caller may see of it, and that of the transaction. */
export async function chatTokensToday(db: Db): Promise<number> {
  const { rows } = await db.query<{ tokens: number }>('SELECT dbrag.chat_tokens_of_today() AS tokens');
  return rows[0]?.tokens ?? 0;
}

/** The whole workspace's, whatever the caller may see of it: that of the transaction. */
export async function embeddingTokensToday(db: Db): Promise<number> {
  const { rows } = await db.query<{ tokens: number }>('SELECT dbrag.embedding_tokens_of_today() AS tokens');
  return rows[0]?.tokens ?? 0;
}

export interface ReservedCalls {
  /** How many may be made: the first ones. */
  readonly calls: number;
  /** To release; null where nothing limits tokens, or none are left. */
  readonly reservation: string | null;
  /**
   * Why the others may not be made; null: all may. `quota_exceeded`: the day's tokens are spent. `rate_limited`: calls that are under way hold
   * what is left, and release it within seconds.
   */
  readonly refusal: DbragError | null;
}

/** What limits calls: the whole day's tokens, or the share of some calls. */
interface Allowance {
  readonly limit: number;
  readonly spent: number;
  /** By calls that are under way. */
  readonly held: number;
  /** What the share is for, in words; undefined: it is the whole. */
  readonly share?: string;
}

/**
 * Reserves for as many calls of a chat model as the day's tokens still pay for. Of many who ask at once while one token is left, one passes;
 * the last call of a day may go over by what it takes.
 * @param calls what each takes at most, in tokens
 * @param forDescriptions of tables, which may take a share only
 */
export async function reserveChatCalls(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
  { calls, forDescriptions }: { readonly calls: readonly number[]; readonly forDescriptions: boolean },
): Promise<ReservedCalls> {
  const limit = quotas.limits.chat_tokens ?? null;
  if (limit === null || calls.length === 0) return { calls: calls.length, reservation: null, refusal: null };
  await holdAlone(db, workspaceId, 'chat_tokens');
  const whole = await wholeDay(db, workspaceId, limit);
  quotas.noticed('chat_tokens', whole.spent);
  const allowances = forDescriptions ? [whole, await descriptionsOfDay(db, workspaceId, limit)] : [whole];
  const paid = Math.min(...allowances.map((allowance) => paidCalls(calls, allowance)));
  const refusal = paid < calls.length ? refusalOf(allowances, now) : null;
  if (paid === 0) return { calls: 0, reservation: null, refusal };
  const id = newUuid();
  const tokens = calls.slice(0, paid).reduce((sum, one) => sum + one, 0);
  await db.query(
    `INSERT INTO dbrag.token_reservations (workspace_id, id, tokens, expires_at, for_descriptions)
     VALUES ($1, $2, $3, now() + $4 * interval '1 second', $5)`,
    [workspaceId, id, tokens, reservedSeconds, forDescriptions],
  );
  return { calls: paid, reservation: id, refusal };
}

async function wholeDay(db: Db, workspaceId: string, limit: number): Promise<Allowance> {
  const { rows } = await db.query<{ held: number }>(
    `SELECT coalesce(sum(tokens), 0)::float8 AS held FROM dbrag.token_reservations WHERE workspace_id = $1 AND expires_at > now()`,
    [workspaceId],
  );
  return { limit, spent: await chatTokensToday(db), held: rows[0]?.held ?? 0 };
}

async function descriptionsOfDay(db: Db, workspaceId: string, limit: number): Promise<Allowance> {
  const { rows } = await db.query<{ spent: number; held: number }>(
    `SELECT (SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM dbrag.usage_events
             WHERE workspace_id = $1 AND at >= date_trunc('day', now(), 'UTC') AND operation = 'describe_table'
               AND (prompt_tokens > 0 OR completion_tokens > 0))::float8 AS spent,
            (SELECT coalesce(sum(tokens), 0) FROM dbrag.token_reservations
             WHERE workspace_id = $1 AND expires_at > now() AND for_descriptions)::float8 AS held`,
    [workspaceId],
  );
  const { spent, held } = rows[0] ?? { spent: 0, held: 0 };
  return { limit: Math.ceil(limit * shareOfDescriptions), spent, held, share: 'descriptions of tables' };
}

/** How many of the calls begin before the allowance is used up. */
function paidCalls(calls: readonly number[], { limit, spent, held }: Allowance): number {
  let taken = spent + held;
  const beyond = calls.findIndex((tokens) => {
    if (taken >= limit) return true;
    taken += tokens;
    return false;
  });
  return beyond === -1 ? calls.length : beyond;
}

/** What is only held may be had soon, and is no reason to wait for another day. */
function refusalOf(allowances: readonly Allowance[], now: Date): DbragError {
  const exhausted = allowances.find(({ limit, spent }) => spent >= limit);
  if (exhausted) {
    const { spent: used, limit, share } = exhausted;
    return quotaExceeded('chat_tokens', { used, limit, wanted: 1, now, share });
  }
  return new DbragError('rate_limited', 'Calls under way hold all tokens of chat models that are left today.', {
    retryable: true,
    retryAfterSeconds: heldSeconds,
  });
}

/**
 * Reserves what an answer may take of the day's tokens.
 * @returns the reservation to release; null where nothing limits tokens
 * @throws quota_exceeded where they are spent · rate_limited while calls under way hold what is left
 */
export async function reserveChatTokens(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<string | null> {
  const answer = { calls: [tokensOfAnAnswer], forDescriptions: false };
  const { reservation, refusal } = await reserveChatCalls(db, workspaceId, quotas, now, answer);
  if (refusal) throw refusal;
  return reservation;
}

/** In the transaction that records what was really spent, or when nothing was. */
export async function releaseChatTokens(db: Db, workspaceId: string, reservation: string | null): Promise<void> {
  if (reservation === null) return;
  await db.query('DELETE FROM dbrag.token_reservations WHERE workspace_id = $1 AND (id = $2 OR expires_at < now())', [
    workspaceId,
    reservation,
  ]);
}
