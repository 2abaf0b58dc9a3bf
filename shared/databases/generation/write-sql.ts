import { DbragError } from '../../core/errors.ts';
import type { ChatModel, ChatOptions, ChatOutcome } from '../../models/chat-model.ts';
import { completeChatText } from '../../models/complete-chat.ts';
import { problemOfModel } from '../../models/model-problem.ts';
import type { AcceptedStatement } from '../firewall/check-statement.ts';
import { warmUpFirewall } from '../firewall/warm-up.ts';
import { acceptStatement } from '../run-sql.ts';
import type { Ground } from './choose-tables.ts';
import { readStatement } from './read-statement.ts';
import { type FailedStatement, sqlPrompt } from './sql-prompt.ts';

/** A statement that passed the firewall, and what came of it. */
export interface TriedStatement<Result> {
  readonly accepted: AcceptedStatement;
  readonly assumptions: readonly string[];
  readonly result: Result;
}

export interface WrittenSql<Result> {
  /** Undefined if there is none: `error` or `reason` says why. */
  readonly tried: TriedStatement<Result> | undefined;
  /** The last failure; null if the model says that the tables hold no answer. */
  readonly error: DbragError | null;
  /** The model's own words for what is missing. */
  readonly reason: string | null;
  /** Calls to the model, however they ended. */
  readonly calls: readonly ChatOutcome[];
  /** Milliseconds of writing and checking; what trying took is left out. */
  readonly milliseconds: number;
}

export interface SqlTrial<Result> {
  /** Runs the statement, or has it planned. Thrown `sql_rejected` is what the model may mend. */
  readonly attempt: (accepted: AcceptedStatement) => Promise<Result>;
  /** Hears of a statement that the firewall refused. */
  readonly refused: (sql: string, error: DbragError) => Promise<void>;
}

/** The first attempt, and one more that is told what was wrong. */
const mostAttempts = 2;

/**
 * Has a model write a statement, checks it with the firewall, and tries it. An unusable, refused or rejected statement goes
 * back to the model once, with the reason. Failures are returned, not thrown, so that the model calls are metered in any case.
 */
export async function writeSql<Result>(
  chat: ChatModel,
  question: string,
  ground: Ground,
  trial: SqlTrial<Result>,
  options: ChatOptions,
): Promise<WrittenSql<Result>> {
  // The model takes longer to write than this does.
  void warmUpFirewall();
  const began = performance.now();
  const calls: ChatOutcome[] = [];
  let trying = 0;
  let failed: FailedStatement | undefined;
  let error: DbragError | null = null;
  const end = (whole: Pick<WrittenSql<Result>, 'tried' | 'error' | 'reason'>): WrittenSql<Result> => ({
    ...whole,
    calls,
    milliseconds: performance.now() - began - trying,
  });
  const mayTellRows = ground.readable.connection.send_rows_to_model;
  const today = new Date().toISOString().slice(0, 10);
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const call = await completeChatText(chat, sqlPrompt(question, ground, today, failed).request, options);
    calls.push(call);
    // If the repair fails, the first failure is reported.
    if (call.error) return end({ tried: undefined, error: error ?? problemOfModel(call.error), reason: null });
    const read = readStatement(call.text);
    if (read.kind === 'unanswerable') return end({ tried: undefined, error: null, reason: read.reason });
    if (read.kind === 'unreadable') {
      error = new DbragError('model_failed', `The model wrote no statement that could be run. ${read.reason}`);
      failed = { written: call.text, reason: read.reason };
      continue;
    }
    const started = performance.now();
    try {
      const accepted = await accept(read.sql, ground, trial);
      const result = await trial.attempt(accepted);
      trying += performance.now() - started;
      return end({ tried: { accepted, assumptions: read.assumptions, result }, error: null, reason: null });
    } catch (thrown) {
      trying += performance.now() - started;
      if (!(thrown instanceof DbragError)) throw thrown;
      error = thrown;
      if (thrown.code !== 'sql_rejected') return end({ tried: undefined, error, reason: null });
      // The database's words may quote what it read.
      failed = { written: call.text, reason: mayTellRows ? thrown.message : thrown.withoutRows };
    }
  }
  return end({ tried: undefined, error, reason: null });
}

async function accept<Result>(sql: string, { readable }: Ground, trial: SqlTrial<Result>): Promise<AcceptedStatement> {
  try {
    return await acceptStatement(sql, readable.allowed);
  } catch (error) {
    if (error instanceof DbragError) await trial.refused(sql, error);
    throw error;
  }
}
