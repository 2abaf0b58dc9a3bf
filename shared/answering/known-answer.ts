import { seal, unseal } from '../core/sealed-value.ts';
import type { SearchHit } from '../retrieval/search.ts';
import type { AnsweredQuery, AnsweredStep } from './answered-query.ts';
import type { Citation } from './citation.ts';
import type { Route } from './leg.ts';
import { fitPassages, type Passage } from './passages.ts';

/** The part of an answer that is valid for everybody who asks the same about the same state. */
export interface KnownAnswer {
  readonly route: Route;
  readonly answer: string;
  readonly citations: readonly Citation[];
  readonly passages: readonly Passage[];
  readonly steps: readonly AnsweredStep[];
  readonly model: string;
  readonly removedMarks: number;
  readonly promptHash: string | null;
}

/** Each hit once: passages and citations follow from them. */
interface Packed extends Omit<KnownAnswer, 'passages' | 'citations'> {
  readonly hits: readonly SearchHit[];
  readonly citations: readonly { readonly n: number; readonly hit: number; readonly quote: string }[];
}

/** Whatever is longer is asked again. */
export const largestKnownAnswer = 100_000;

/** An answer that fell short for a temporary reason is not cached. */
export function isWorthKnowing(query: AnsweredQuery): boolean {
  // A database's answer is true only at that moment: none of our generations changes with its rows.
  const isOfDocuments = query.route === 'documents' && query.results.length === 0 && query.connectionIds.length === 0;
  return isOfDocuments && query.answer !== null && query.error === null && query.degraded.length === 0;
}

/** Sealed JSON; undefined when that is too long. */
export function packAnswer(key: string, query: AnsweredQuery): Buffer | undefined {
  const hits = query.passages.flatMap(({ chunks }) => chunks.map(({ hit }) => hit));
  const packed: Packed = {
    route: 'documents',
    answer: query.answer ?? '',
    citations: query.citations
      .filter((citation) => citation.kind === 'document')
      .map(({ n, hit, quote }) => ({ n, hit: hits.findIndex(({ chunkId }) => chunkId === hit.chunkId), quote })),
    hits,
    steps: query.steps,
    model: query.model,
    removedMarks: query.trace.removedMarks,
    promptHash: query.trace.promptHash,
  };
  const value = seal(key, Buffer.from(JSON.stringify(packed)));
  return value.byteLength > largestKnownAnswer ? undefined : value;
}

/** @returns undefined for what was not packed under this key, such as the answer of another workspace */
export function unpackAnswer(key: string, value: Uint8Array | undefined): KnownAnswer | undefined {
  const body = unseal(key, value);
  if (!body) return undefined;
  const { hits, citations, ...rest } = JSON.parse(Buffer.from(body).toString()) as Packed;
  return {
    ...rest,
    // They fitted once, and stand in the order of their numbers.
    passages: fitPassages(hits, Number.POSITIVE_INFINITY),
    citations: citations.map(({ n, hit, quote }) => ({ kind: 'document', n, hit: hits[hit] as SearchHit, quote })),
  };
}
