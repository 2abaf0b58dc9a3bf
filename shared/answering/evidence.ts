import type { DbragError } from '../core/errors.ts';
import type { Citation } from './citation.ts';
import type { Gathered } from './gather.ts';
import { fitPassages, type Passage, resultPassage } from './passages.ts';
import type { QueryResult } from './query-result.ts';
import { tellResult } from './tell-result.ts';
import type { WrittenAnswer } from './write-answer.ts';

/** The material of an answer: what a model reads, and rows that no model may read. */
export interface Grounds {
  readonly passages: readonly Passage[];
  readonly results: readonly QueryResult[];
  /** Those of the results that are described without a model. */
  readonly told: readonly QueryResult[];
  /** Legs that failed beside one that did not. */
  readonly degraded: readonly string[];
  readonly error: DbragError | null;
  readonly reason: string | null;
}

/**
 * Puts together what the legs found for one question, or for the parts of one: documents first, then what databases gave.
 */
export function groundsOf(gathered: readonly Gathered[], tokenBudget: number): Grounds {
  const [only] = gathered;
  const documents =
    gathered.length === 1
      ? (only?.documents?.passages ?? [])
      : fitPassages(inTurns(gathered.map(({ documents: found }) => found?.hits ?? [])), tokenBudget);
  const results = gathered.flatMap(({ database }) => database?.result ?? []);
  const read = results.filter(({ rowsMayBeSent }) => rowsMayBeSent);
  const failures = gathered.flatMap(({ database, error }) => [database?.error ?? [], error ?? []].flat());
  const degraded = gathered.flatMap(({ route, database, error }) => [
    ...(route !== 'documents' && database?.error ? ['database'] : []),
    ...(error ? ['documents'] : []),
  ]);
  return {
    passages: [...documents, ...read.map((result, i) => resultPassage(result, documents.length + i + 1))],
    results,
    told: results.filter(({ rowsMayBeSent }) => !rowsMayBeSent),
    degraded: [...new Set(degraded)],
    error: failures[0] ?? null,
    reason: gathered.map(({ database }) => database?.reason ?? null).find((reason) => reason !== null) ?? null,
  };
}

/** The best of each list, then the second of each, and so on; each chunk once. */
function inTurns<Hit extends { readonly chunkId: string }>(lists: readonly (readonly Hit[])[]): Hit[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const turns = Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
  return turns.filter((hit, i) => turns.findIndex(({ chunkId }) => chunkId === hit.chunkId) === i);
}

/** What a model wrote, followed by the results that it could not read, in our own words. */
export function withTold(written: WrittenAnswer, told: readonly QueryResult[], nothingFound: string): WrittenAnswer {
  if (told.length === 0) return written;
  const citations: Citation[] = [...written.citations];
  const texts = written.text === null || written.text === nothingFound ? [] : [written.text];
  for (const result of told) {
    const { text, citation } = tellResult(result, citations.length + 1);
    citations.push(citation);
    texts.push(text);
  }
  return { ...written, text: texts.join(' '), citations };
}

/** The start of an answer that consists only of described results. */
export const unwritten: WrittenAnswer = {
  text: null,
  citations: [],
  removedMarks: 0,
  unverifiedNumbers: 0,
  degraded: [],
  error: null,
  call: undefined,
  promptHash: null,
  firstTokenMilliseconds: null,
};

/** One question back, where two readings tie. Both are named, so that the next words can choose. */
export function clarifyingQuestion({ near, documents }: Gathered): string {
  const tables = (near?.tables ?? []).map((table) => table.replaceAll('"', ''));
  const from = tables.length > 0 ? ` (${tables.join(', ')})` : '';
  const names = [...new Set((documents?.hits ?? []).map(({ documentName }) => documentName))].slice(0, 3);
  const said = names.length > 0 ? ` (${names.join(', ')})` : '';
  return `Do you want this computed from the database “${near?.connectionName ?? ''}”${from}, or told as the documents${said} say it?`;
}
