import type { DbragError } from '../core/errors.ts';
import type { ReservedCalls } from '../limits/token-quota.ts';
import type { ChatModel, ChatRequest } from '../models/chat-model.ts';
import { completeChatText } from '../models/complete-chat.ts';
import { tokensOfCall } from '../models/estimate-tokens.ts';
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
  /** Reserves the tokens of calls, as far as the workspace may still make them. @param calls what each takes at most, in tokens */
  readonly reserve: (calls: readonly number[]) => Promise<ReservedCalls>;
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

/** Tables that could not be asked about now, and why. */
export interface Left {
  readonly tables: readonly Leased[];
  readonly cause: Error;
}

export interface Words {
  readonly described: readonly Described[];
  /** To be asked about again soon. */
  readonly left: readonly Left[];
  /** Of tokens, to release. */
  readonly reservation: string | null;
}

/** A table that the model is to be asked about. */
interface Question {
  readonly leased: Leased;
  readonly table: TableDescription;
  readonly request: ChatRequest;
}

/**
 * Describes tables with one model call each; tables that no longer exist, or that a person described, cost none. Those for which the
 * workspace has no tokens left today are described by their names; those for which others hold the tokens are left.
 */
export async function describeWithModel(
  ports: DescribeWithPorts,
  leased: readonly Leased[],
  read: readonly TableDescription[],
  remainingTime: () => number,
): Promise<Words> {
  const found = new Map(read.map((table) => [JSON.stringify([table.schema, table.table]), table]));
  const described: Described[] = [];
  const questions: Question[] = [];
  for (const one of leased) {
    const table = found.get(JSON.stringify([one.schema, one.table]));
    if (table && !one.edited) questions.push({ leased: one, table, request: describePrompt(one.name, table) });
    else described.push({ leased: one, table, text: null, error: null, usage: undefined });
  }
  const { calls, reservation, refusal } = await ports.reserve(questions.map(({ request }) => tokensOfCall(request)));
  const answers = await askModel(ports, questions.slice(0, calls), remainingTime);
  const refused = refusal ? withoutTokens(questions.slice(calls), refusal) : { described: [], left: [] };
  return {
    described: [...described, ...answers.described, ...refused.described],
    left: [...answers.left, ...refused.left],
    reservation,
  };
}

async function askModel(
  { chat, now }: DescribeWithPorts,
  questions: readonly Question[],
  remainingTime: () => number,
): Promise<Omit<Words, 'reservation'>> {
  const described: Described[] = [];
  const away: Leased[] = [];
  let outage: Error | undefined;
  const waiting = questions.values();
  const work = async () => {
    for (const { leased, table, request } of waiting) {
      const deadline = now() + Math.min(chatMilliseconds, remainingTime() * shareToAsk);
      const outcome = await completeChatText(chat, request, { deadline });
      if (outcome.error && isAway(outcome.error, leased.tries)) {
        outage = outcome.error;
        away.push(leased);
        continue;
      }
      const said = outcome.error ? undefined : cleanDescription(outcome.text);
      const usage = { model: chat.model, ...outcome.usage };
      const error = said === undefined ? errorOf(outcome.error) : null;
      described.push({ leased, table, text: said ?? plainDescription(leased.name, table), error, usage });
    }
  };
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, questions.length) }, work));
  return { described, left: outage ? [{ tables: away, cause: outage }] : [] };
}

function withoutTokens(questions: readonly Question[], refusal: DbragError): Omit<Words, 'reservation'> {
  if (refusal.code !== 'quota_exceeded')
    return { described: [], left: [{ tables: questions.map(({ leased }) => leased), cause: refusal }] };
  const error = { code: 'quota_exceeded', message: refusal.message } as const;
  const described = questions.map(({ leased, table }) => {
    return { leased, table, text: plainDescription(leased.name, table), error, usage: undefined };
  });
  return { described, left: [] };
}

function errorOf(error: ModelError | undefined): DescriptionError {
  if (error) return { code: 'model_failed', message: error.message };
  return { code: 'unusable_answer', message: 'The chat model wrote nothing that could be kept.' };
}

function isAway({ kind }: ModelError, tries: number): boolean {
  return kind === 'outage' || kind === 'provider' || (kind === 'transient' && tries < triesWithModel);
}
