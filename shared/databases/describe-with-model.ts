import type { ReservedCalls } from '../limits/token-quota.ts';
import type { ChatModel } from '../models/chat-model.ts';
import { completeChatText } from '../models/complete-chat.ts';
import type { ModelError } from '../models/model-error.ts';
import type { Leased } from './catalog-lease.ts';
import { cleanDescription, describePrompt, plainDescription } from './catalog-text.ts';
import type { TableDescription } from './describe-tables.ts';

/** Calls to the model at once. */
const callsAtOnce = 10;
/** After this many failed calls a table is described by its names alone; an unavailable model is waited for. */
const triesWithModel = 5;
const chatMilliseconds = 20_000;
/** Share of the remaining invocation time; the rest is for storing. */
const shareToAsk = 0.8;

/** Why no model wrote a description. Only what was refused for the quota is asked for again, by a later refresh. */
export interface DescriptionError {
  readonly code: 'quota_exceeded' | 'model_failed' | 'unusable_answer';
  readonly message: string;
}

export interface DescribeWithPorts {
  readonly chat: ChatModel;
  readonly now: () => number;
  /** Reserves the tokens of calls: of as many as the workspace may still make. */
  readonly reserve: (calls: number) => Promise<ReservedCalls>;
}

export interface Described {
  readonly leased: Leased;
  /** Undefined: the table no longer exists. */
  readonly table: TableDescription | undefined;
  /** Null: the one that is there stays, since a person wrote it. */
  readonly text: string | null;
  /** Why the text is made of the names alone; null: it is not. */
  readonly error: DescriptionError | null;
  readonly usage:
    | { readonly model: string; readonly promptTokens: number; readonly completionTokens: number }
    | undefined;
}

export interface Words {
  readonly described: readonly Described[];
  /** Those that the model could not be asked about. */
  readonly left: readonly Leased[];
  readonly outage: Error | undefined;
  /** Of tokens, to release. */
  readonly reservation: string | null;
}

/**
 * Describes tables with one model call each; tables that no longer exist, or that a person described, cost none. Those for which the
 * workspace has no tokens left are described by their names.
 */
export async function describeWithModel(
  { chat, now, reserve }: DescribeWithPorts,
  leased: readonly Leased[],
  read: readonly TableDescription[],
  remainingTime: () => number,
): Promise<Words> {
  const found = new Map(read.map((table) => [JSON.stringify([table.schema, table.table]), table]));
  const tableOf = (one: Leased) => found.get(JSON.stringify([one.schema, one.table]));
  const { calls, reservation, refusal } = await reserve(leased.filter((one) => !one.edited && tableOf(one)).length);
  const described: Described[] = [];
  const left: Leased[] = [];
  let outage: Error | undefined;
  let asked = 0;
  const waiting = leased.values();
  const work = async () => {
    for (const one of waiting) {
      const table = tableOf(one);
      if (!table || one.edited) {
        described.push({ leased: one, table, text: null, error: null, usage: undefined });
        continue;
      }
      const plain = plainDescription(one.name, table);
      if (refusal && asked >= calls) {
        const error = { code: 'quota_exceeded', message: refusal.message } as const;
        described.push({ leased: one, table, text: plain, error, usage: undefined });
        continue;
      }
      asked += 1;
      const deadline = now() + Math.min(chatMilliseconds, remainingTime() * shareToAsk);
      const outcome = await completeChatText(chat, describePrompt(one.name, table), { deadline });
      if (outcome.error && isAway(outcome.error, one.tries)) {
        outage = outcome.error;
        left.push(one);
        continue;
      }
      const said = outcome.error ? undefined : cleanDescription(outcome.text);
      const usage = { model: chat.model, ...outcome.usage };
      const error = said === undefined ? errorOf(outcome.error) : null;
      described.push({ leased: one, table, text: said ?? plain, error, usage });
    }
  };
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, leased.length) }, work));
  return { described, left, outage, reservation };
}

function errorOf(error: ModelError | undefined): DescriptionError {
  if (error) return { code: 'model_failed', message: error.message };
  return { code: 'unusable_answer', message: 'The chat model wrote nothing that could be kept.' };
}

function isAway({ kind }: ModelError, tries: number): boolean {
  return kind === 'outage' || kind === 'provider' || (kind === 'transient' && tries < triesWithModel);
}
