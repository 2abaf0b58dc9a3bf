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

export interface Described {
  readonly leased: Leased;
  /** Undefined: the table no longer exists. */
  readonly table: TableDescription | undefined;
  /** Null: the one that is there stays, since a person wrote it. */
  readonly text: string | null;
  readonly usage:
    | { readonly model: string; readonly promptTokens: number; readonly completionTokens: number }
    | undefined;
}

export interface Words {
  readonly described: readonly Described[];
  /** Those that the model could not be asked about. */
  readonly left: readonly Leased[];
  readonly outage: Error | undefined;
}

/** Describes tables with one model call each; tables that no longer exist, or that a person described, cost none. */
export async function describeWithModel(
  chat: ChatModel,
  now: () => number,
  leased: readonly Leased[],
  read: readonly TableDescription[],
  remainingTime: () => number,
): Promise<Words> {
  const found = new Map(read.map((table) => [JSON.stringify([table.schema, table.table]), table]));
  const described: Described[] = [];
  const left: Leased[] = [];
  let outage: Error | undefined;
  const waiting = leased.values();
  const work = async () => {
    for (const one of waiting) {
      const table = found.get(JSON.stringify([one.schema, one.table]));
      if (!table || one.edited) {
        described.push({ leased: one, table, text: null, usage: undefined });
        continue;
      }
      const deadline = now() + Math.min(chatMilliseconds, remainingTime() * shareToAsk);
      const outcome = await completeChatText(chat, describePrompt(one.name, table), { deadline });
      if (outcome.error && isAway(outcome.error, one.tries)) {
        outage = outcome.error;
        left.push(one);
        continue;
      }
      const text = cleanDescription(outcome.error ? '' : outcome.text) ?? plainDescription(one.name, table);
      described.push({ leased: one, table, text, usage: { model: chat.model, ...outcome.usage } });
    }
  };
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, leased.length) }, work));
  return { described, left, outage };
}

function isAway({ kind }: ModelError, tries: number): boolean {
  return kind === 'outage' || kind === 'provider' || (kind === 'transient' && tries < triesWithModel);
}
