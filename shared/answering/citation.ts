import type { SearchHit } from '../retrieval/search.ts';
import type { QueryResult } from './query-result.ts';

/** A mark that survived: `[n]` in the answer. */
export type Citation = QuoteCitation | ValueCitation;

/** Words of a chunk. */
export interface QuoteCitation {
  readonly kind: 'document';
  readonly n: number;
  readonly hit: SearchHit;
  /** Verbatim from the chunk. */
  readonly quote: string;
}

/** A value of what a query gave. */
export interface ValueCitation {
  readonly kind: 'sql';
  readonly n: number;
  readonly result: QueryResult;
  /** As it appears in the rows, or follows from them. */
  readonly value: string;
}

/** Before it has its number in the answer. */
export type UnnumberedCitation = Omit<QuoteCitation, 'n'> | Omit<ValueCitation, 'n'>;

/** Whether it names the same words or the same value. */
export function isSameCitation(one: Citation, other: UnnumberedCitation): boolean {
  if (one.kind === 'document')
    return other.kind === 'document' && one.hit.chunkId === other.hit.chunkId && one.quote === other.quote;
  return other.kind === 'sql' && one.result === other.result && one.value === other.value;
}
