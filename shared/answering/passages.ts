import type { SearchHit } from '../retrieval/search.ts';
import { CitedValues } from './cited-value.ts';
import { type QueryResult, resultText } from './query-result.ts';
import { FoldedText, type Span } from './quote.ts';

/** One chunk inside a passage: its own text is `passage.text.slice(start, end)`. */
export interface PassageChunk {
  readonly hit: SearchHit;
  readonly start: number;
  readonly end: number;
}

/** What the model reads under one number: a chunk, or neighbouring chunks of one document put together. */
export interface Passage {
  /** From 1. */
  readonly n: number;
  readonly text: string;
  readonly tokens: number;
  /** None in what a database gave. */
  readonly chunks: readonly PassageChunk[];
  /** The rows that the text contains. */
  readonly result?: QueryResult;
}

/** What a query gave, as the model reads it. */
export function resultPassage(result: QueryResult, n: number): Passage {
  const text = resultText(result);
  return { n, text, tokens: Math.ceil(text.length / charactersPerToken), chunks: [], result };
}

/** Of rows: digits take more tokens than words. */
const charactersPerToken = 3;

/**
 * The best hits that fit into a budget of tokens, best first; neighbours of one document become one passage, in which what they
 * repeat of each other appears once. A hit that does not fit is left out, and a smaller one after it may still fit.
 */
export function fitPassages(hits: readonly SearchHit[], tokenBudget: number): readonly Passage[] {
  const chosen: SearchHit[] = [];
  let left = tokenBudget;
  for (const hit of hits) {
    if (hit.text === null || hit.text.trim() === '') continue;
    const cost = hit.tokenCount + tokensOfFrame;
    if (cost > left && chosen.length > 0) continue;
    chosen.push(hit);
    left -= cost;
  }
  return runsOf(chosen).map((run, i) => mergeRun(run, i + 1));
}

/** A passage's number, document and headings around its text. */
const tokensOfFrame = 40;

/** Hits that stand next to each other in one document, in the order of the best of each run. */
function runsOf(hits: readonly SearchHit[]): SearchHit[][] {
  const runs: SearchHit[][] = [];
  const rank = new Map(hits.map((hit, i) => [hit, i]));
  const inOrder = [...hits].sort(
    (one, other) =>
      one.documentId.localeCompare(other.documentId) || one.version - other.version || one.ordinal - other.ordinal,
  );
  for (const hit of inOrder) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run && before && follows(hit, before)) run.push(hit);
    else runs.push([hit]);
  }
  const best = (run: readonly SearchHit[]) => Math.min(...run.map((hit) => rank.get(hit) ?? 0));
  return runs.sort((one, other) => best(one) - best(other));
}

function follows(hit: SearchHit, before: SearchHit): boolean {
  return (
    hit.documentId === before.documentId &&
    hit.version === before.version &&
    hit.ordinal === before.ordinal + 1 &&
    hit.location.start >= before.location.start &&
    hit.location.end >= before.location.end
  );
}

function mergeRun(run: readonly SearchHit[], n: number): Passage {
  const chunks: PassageChunk[] = [];
  let text = '';
  let tokens = 0;
  for (const hit of run) {
    const before = chunks.at(-1);
    const own = hit.text ?? '';
    // Chunks are slices of the document's text, so how far two overlap follows from where they stand.
    const gap = before ? hit.location.start - before.hit.location.end : 0;
    const overlap = Math.min(Math.max(0, -gap), own.length, text.length);
    const isSame = overlap > 0 && text.endsWith(own.slice(0, overlap));
    if (!isSame && before) text += '\n';
    const start = isSame ? text.length - overlap : text.length;
    text += isSame ? own.slice(overlap) : own;
    chunks.push({ hit, start, end: start + own.length });
    tokens += own.length === 0 ? 0 : Math.ceil((hit.tokenCount * (own.length - (isSame ? overlap : 0))) / own.length);
  }
  return { n, text, tokens, chunks };
}

/** What a citation points at: a chunk, and the words of it. */
export interface QuotedChunk {
  readonly hit: SearchHit;
  /** A verbatim part of the chunk's text. */
  readonly quote: string;
}

/**
 * The chunk of a passage that holds a span of its text. A span over the seam of two chunks is cut to the part that most of it lies
 * in, so that what is quoted always stands in the chunk that is cited.
 */
export function chunkOfSpan(passage: Passage, span: Span): QuotedChunk | undefined {
  let best: { hit: SearchHit; start: number; end: number } | undefined;
  for (const { hit, start, end } of passage.chunks) {
    const part = { hit, start: Math.max(start, span.start), end: Math.min(end, span.end) };
    if (part.end > part.start && part.end - part.start > (best ? best.end - best.start : 0)) best = part;
  }
  if (!best) return undefined;
  const quote = passage.text.slice(best.start, best.end).trim();
  return quote === '' ? undefined : { hit: best.hit, quote };
}

const folded = new WeakMap<Passage, FoldedText>();

/** Folded once a passage, however often it is quoted. */
export function foldedText(passage: Passage): FoldedText {
  let text = folded.get(passage);
  if (!text) {
    text = new FoldedText(passage.text);
    folded.set(passage, text);
  }
  return text;
}

const cited = new WeakMap<QueryResult, CitedValues>();

/** The citable values of a result; built once, however often they are used. */
export function citedValues(result: QueryResult): CitedValues {
  let values = cited.get(result);
  if (!values) {
    values = new CitedValues(result);
    cited.set(result, values);
  }
  return values;
}
