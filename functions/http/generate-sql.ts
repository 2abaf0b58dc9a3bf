import { leaseCall, releaseLease, settleLease } from '../../shared/access/lease-call.ts';
import { openQuestion } from '../../shared/answering/open-question.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { DbragError, statusOfCode } from '../../shared/core/errors.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import type { AcceptedStatement } from '../../shared/databases/firewall/check-statement.ts';
import { chooseGround, type Ground } from '../../shared/databases/generation/choose-tables.ts';
import { type WrittenSql, writeSql } from '../../shared/databases/generation/write-sql.ts';
import { runAccepted } from '../../shared/databases/run-sql.ts';
import { releaseChatTokens } from '../../shared/limits/token-quota.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import type { EmbeddedQuestion } from '../../shared/models/embed-question.ts';
import { ModelError } from '../../shared/models/model-error.ts';
import { costUsd } from '../../shared/usage/prices.ts';
import { recordUsage, type UsageEvent } from '../../shared/usage/record-usage.ts';
import { replayedReply } from './change-reply.ts';
import type { GenerateSql } from './contract/sql.ts';
import { recordStatement } from './record-statement.ts';
import { reserveTokens } from './reserve-tokens.ts';
import type { Reply, RouteContext } from './route.ts';

type Context = RouteContext<unknown, GenerateSql, Caller>;

const wholeMilliseconds = 25_000;
/** Reserved for the answer before the function is ended. */
const reserveMilliseconds = 1_000;
const embedMilliseconds = 4_000;

/** Has a model write a statement for a question. It has passed the firewall, and the database has planned but not run it. */
export async function generateSql(context: Context): Promise<Reply> {
  const { caller, body, services } = context;
  const connectionId = parsePublicId('connection', body.connection_id);
  const ground = await services.database.inWorkspace(caller, (db) =>
    openQuestion(db, caller.workspaceId, { collectionIds: null, connectionIds: [connectionId], subject: null }),
  );
  const { replay } = await leaseCall(services.database, context);
  if (replay) return replayedReply(replay);
  const reservation = await reserveTokens(context);
  try {
    return await generated(context, connectionId, services.chat(ground.chatModel), reservation);
  } catch (error) {
    await services.database.inWorkspace(caller, async (db) => {
      await releaseChatTokens(db, caller.workspaceId, reservation);
      await releaseLease(db, context);
    });
    throw error;
  }
}

async function generated(
  context: Context,
  connectionId: string,
  chat: ChatModel,
  reservation: string | null,
): Promise<Reply> {
  const { caller, body, services } = context;
  const began = performance.now();
  const deadline = Math.min(Date.now() + wholeMilliseconds, context.deadline - reserveMilliseconds);
  const embedded = await embeddedQuestion(context);
  const text = body.question.trim();
  const meant = { text, vector: embedded?.vector ?? null, model: services.questions.model };
  const ground = await chooseGround(services.database, services.catalog, caller, connectionId, meant);
  let plan = 0;
  const trial = {
    attempt: async (accepted: AcceptedStatement) => {
      const started = performance.now();
      const planned = await plannedBy(context, ground, accepted, deadline);
      plan += performance.now() - started;
      return planned;
    },
    refused: (statement: string, { message }: DbragError) =>
      recordStatement(context, { action: 'sql.run', outcome: 'denied', connectionId, statement, error: message }),
  };
  const written = await writeSql(chat, text, ground, trial, { deadline });
  const usage = usageOf(context, chat, written, embedded);
  const view = written.tried && viewOf(context, chat, written, { usage, plan, total: performance.now() - began });
  await services.database.inWorkspace(caller, async (db) => {
    await recordUsage(db, caller.workspaceId, usage);
    await releaseChatTokens(db, caller.workspaceId, reservation);
    if (view) await settleLease(db, context, { status: 200, body: view });
    else await releaseLease(db, context);
  });
  if (view) return { status: 200, body: view };
  throw (
    written.error ??
    new DbragError('sql_rejected', `The tables do not answer this: ${written.reason || 'nothing fits'}`)
  );
}

/** Null while the embedding model is unavailable: tables are then chosen by their names. */
async function embeddedQuestion({ caller, body, services }: Context): Promise<EmbeddedQuestion | null> {
  try {
    const options = { deadline: Date.now() + embedMilliseconds };
    return await services.questions.embed(caller.workspaceId, body.question.trim(), options);
  } catch (error) {
    if (error instanceof ModelError) return null;
    throw error;
  }
}

/** An unavailable database does not make a statement wrong. */
async function plannedBy(
  { caller, services }: Context,
  { readable }: Ground,
  accepted: AcceptedStatement,
  deadline: number,
): Promise<boolean> {
  const { mostCost, planSeconds } = services.config.connections.statements;
  const limits = { rows: 1, cost: mostCost, milliseconds: planSeconds * 1_000 };
  try {
    const until = Math.min(Date.now() + limits.milliseconds, deadline);
    await runAccepted(services.databases, caller.workspaceId, readable, accepted, {
      limits,
      deadline: until,
      onlyPlan: true,
    });
    return true;
  } catch (error) {
    if (error instanceof DbragError && error.code !== 'sql_rejected' && statusOfCode[error.code] > 500) return false;
    throw error;
  }
}

function usageOf(
  { caller, services }: Context,
  chat: ChatModel,
  { calls }: WrittenSql<boolean>,
  embedded: EmbeddedQuestion | null,
): UsageEvent[] {
  const of = { operation: 'generate_sql' as const, apiKeyId: caller.apiKeyId };
  const bought = embedded?.tokens ?? 0;
  return [
    ...calls.map(({ usage }) => ({ ...of, model: chat.model, requests: 1, ...usage })),
    ...(bought > 0 ? [{ ...of, model: services.questions.model, requests: 1, embeddingTokens: bought }] : []),
  ];
}

function viewOf(
  { body }: Context,
  chat: ChatModel,
  { tried, calls, milliseconds }: WrittenSql<boolean>,
  { usage, plan, total }: { readonly usage: readonly UsageEvent[]; readonly plan: number; readonly total: number },
) {
  const sum = (of: (event: UsageEvent) => number | undefined) =>
    usage.reduce((all, event) => all + (of(event) ?? 0), 0);
  const tenth = (value: number) => Math.round(value * 10) / 10;
  return {
    object: 'generated_sql' as const,
    connection_id: body.connection_id,
    question: body.question,
    sql: tried?.accepted.statement ?? '',
    tables: tried?.accepted.tables.map(({ schema, name }) => `${schema}.${name}`) ?? [],
    assumptions: tried?.assumptions ?? [],
    planned: tried?.result ?? false,
    attempts: calls.length,
    model: calls.at(-1)?.model ?? chat.model,
    usage: {
      embedding_tokens: sum(({ embeddingTokens }) => embeddingTokens),
      prompt_tokens: sum(({ promptTokens }) => promptTokens),
      completion_tokens: sum(({ completionTokens }) => completionTokens),
      cost_usd: usage.reduce(
        (all, { model, embeddingTokens = 0, promptTokens = 0, completionTokens = 0 }) =>
          all + costUsd(model, { input: embeddingTokens + promptTokens, output: completionTokens }),
        0,
      ),
    },
    timing_ms: { model: tenth(milliseconds), plan: tenth(plan), total: tenth(total) },
  };
}
