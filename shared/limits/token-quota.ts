import type { Db } from '../core/database.ts';
import type { DbragError } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { quotaExceeded, type WorkspaceQuotas } from './quotas.ts';
import { holdAlone } from './stored-amounts.ts';

/** What an answer takes at most, as prompts are made: 6,000 tokens of sources, the question, and what is written. */
const tokensOfAnAnswer = 8_000;
/** Longer than any answer may take: a process that died leaves nothing behind after that. */
const reservedSeconds = 120;

/** Tokens of chat models of this day, spent or being spent: the whole workspace's, whatever the caller may see of it. */
export async function chatTokensToday(db: Db, workspaceId: string): Promise<number> {
  const { rows } = await db.query<{ tokens: number }>(
    `SELECT dbrag.chat_tokens_of_today()
       + (SELECT coalesce(sum(tokens), 0) FROM dbrag.token_reservations WHERE workspace_id = $1 AND expires_at > now())::float8 AS tokens`,
    [workspaceId],
  );
  return rows[0]?.tokens ?? 0;
}

/** The whole workspace's, whatever the caller may see of it: that of the transaction. */
export async function embeddingTokensToday(db: Db): Promise<number> {
  const { rows } = await db.query<{ tokens: number }>('SELECT dbrag.embedding_tokens_of_today() AS tokens');
  return rows[0]?.tokens ?? 0;
}

export interface ReservedCalls {
  /** How many may be made. */
  readonly calls: number;
  /** To release; null where nothing limits tokens, or none are left. */
  readonly reservation: string | null;
  /** Why the others may not be made; null: all may. */
  readonly refusal: DbragError | null;
}

/**
 * Reserves for as many calls of a chat model as the day's tokens still pay for. Of many who ask at once while one token is left, one passes;
 * the last call of a day may go over by what it takes.
 * @param tokens what one call takes at most
 */
export async function reserveChatCalls(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
  { calls, tokens }: { readonly calls: number; readonly tokens: number },
): Promise<ReservedCalls> {
  const limit = quotas.limits.chat_tokens ?? null;
  if (limit === null || calls === 0) return { calls, reservation: null, refusal: null };
  await holdAlone(db, workspaceId, 'chat_tokens');
  const used = await chatTokensToday(db, workspaceId);
  quotas.noticed('chat_tokens', used);
  const paid = Math.min(calls, Math.max(0, Math.ceil((limit - used) / tokens)));
  const refusal = paid < calls ? quotaExceeded('chat_tokens', { used, limit, wanted: 1, now }) : null;
  if (paid === 0) return { calls: 0, reservation: null, refusal };
  const id = newUuid();
  await db.query(
    `INSERT INTO dbrag.token_reservations (workspace_id, id, tokens, expires_at) VALUES ($1, $2, $3, now() + $4 * interval '1 second')`,
    [workspaceId, id, paid * tokens, reservedSeconds],
  );
  return { calls: paid, reservation: id, refusal };
}

/**
 * Reserves what an answer may take of the day's tokens.
 * @returns the reservation to release; null where nothing limits tokens
 * @throws quota_exceeded
 */
export async function reserveChatTokens(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<string | null> {
  const answer = { calls: 1, tokens: tokensOfAnAnswer };
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
