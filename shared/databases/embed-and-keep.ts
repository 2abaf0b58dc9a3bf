import type { Database } from '../core/database.ts';
import type { Embedder, EmbedOptions } from '../models/embedder.ts';
import { ModelError } from '../models/model-error.ts';
import { packRequests } from '../models/pack-requests.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { type EmbeddedTexts, embedTexts } from './embed-texts.ts';
import { mayBeAsked, refusalOf, refusedAgain } from './refused-texts.ts';
import { storeRefusals, storeVectors, type TextTable, type WaitingText } from './text-rows.ts';

export interface EmbedPorts {
  readonly database: Database;
  readonly embedder: Embedder;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface KeptTexts {
  /** How many have a vector now. */
  readonly embedded: number;
  /** The model is at fault: it ended before all texts were tried. */
  readonly failure: ModelError | null;
  /** How many texts were not tried. */
  readonly left: number;
}

type Refused = EmbeddedTexts<WaitingText>['refused'];

/**
 * Embeds texts of one table in as few requests as the limits allow. What became of each request is stored and metered by itself:
 * vectors, and refusals, so that the model is not asked about those again until they are due.
 * @param optionsOfCall asked before each call of the model; null: there is no time for another
 */
export async function embedAndKeep(
  ports: EmbedPorts,
  workspaceId: string,
  table: TextTable,
  waiting: readonly WaitingText[],
  optionsOfCall: () => EmbedOptions | null,
): Promise<KeptTexts> {
  const { embedder, now } = ports;
  const due = waiting.filter((text) => mayBeAsked(text, embedder.model, now()));
  // Those that gave no vector before come behind the others, which looking for the one at fault would else hold up every time.
  const isKnown = (text: WaitingText) => refusalOf(text)?.model === embedder.model;
  const packed = [due.filter((text) => !isKnown(text)), due.filter(isKnown)].map((texts) =>
    packRequests(texts, embedder.limits),
  );
  const requests = packed.flatMap((some) => some.requests);
  const tooLong = packed.flatMap((some) => some.tooLong);
  const unfit = tooLong.map((text) => ({ text, error: new ModelError('input', 'It is too long for the model.') }));
  if (unfit.length > 0) await keepRefusals(ports, workspaceId, table, unfit);
  let [embedded, left] = [0, due.length - unfit.length];
  for (const request of requests) {
    const answer = await embedTexts(embedder, request, optionsOfCall);
    if (answer.requests > 0) await keepVectors(ports, workspaceId, table, answer);
    if (answer.refused.length > 0) await keepRefusals(ports, workspaceId, table, answer.refused);
    embedded += answer.texts.length;
    left -= answer.texts.length + answer.refused.length;
    if (answer.failure) return { embedded, failure: answer.failure, left };
  }
  return { embedded, failure: null, left };
}

async function keepVectors(
  { database, embedder: { model } }: EmbedPorts,
  workspaceId: string,
  table: TextTable,
  { texts, vectors, requests, tokens: embeddingTokens }: EmbeddedTexts<WaitingText>,
): Promise<void> {
  await database.inWorkspace({ workspaceId }, async (db) => {
    if (texts.length > 0) await storeVectors(db, workspaceId, table, model, texts, vectors);
    await recordUsage(db, workspaceId, [{ operation: 'describe_table', model, requests, embeddingTokens }]);
  });
}

async function keepRefusals(
  { database, embedder: { model }, now }: EmbedPorts,
  workspaceId: string,
  table: TextTable,
  refused: Refused,
): Promise<void> {
  const rows = refused.map(({ text }) => text);
  const refusals = refused.map(({ text, error }) => refusedAgain(text, model, error, now()));
  await database.inWorkspace({ workspaceId }, (db) => storeRefusals(db, workspaceId, table, rows, refusals));
}
