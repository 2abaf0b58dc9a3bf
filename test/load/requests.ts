import { randomUUID } from 'node:crypto';
import { type HttpAnswer, type HttpClient, successOf } from '../bench/http-client.ts';
import { onePage } from '../bench/markdown-corpus.ts';
import { zipf } from './zipf.ts';

export const kinds = ['search', 'query', 'look', 'document', 'upload'] as const;
export type Kind = (typeof kinds)[number];

export interface Requests {
  readonly kind: Kind;
  send(): Promise<HttpAnswer>;
}

/** Shares of what people do: most look for something, some ask, few bring documents. Together 1. */
const shares: Readonly<Record<Kind, number>> = { search: 0.5, query: 0.25, look: 0.15, document: 0.07, upload: 0.03 };
const questionCount = 1_000;
const wordsOfQuestion = 6;

export interface RequestSettings {
  readonly api: HttpClient;
  readonly collectionId: string;
  /** 0 (inclusive) to 1. */
  readonly random: () => number;
  /** How many pages of the corpus the collection holds: questions are made of their words. */
  readonly pages: number;
}

/** @returns draws the next request of some user */
export function requestsOf({ api, collectionId, random, pages }: RequestSettings): () => Requests {
  const rank = zipf(questionCount, random);
  const question = (): string => questionOf(rank(), pages);
  const run = randomUUID();
  let posted = 0;
  const send: Readonly<Record<Kind, () => Promise<HttpAnswer>>> = {
    search: () => api('POST', '/v1/search', { query: question() }),
    query: () => api('POST', '/v1/queries', { question: question() }),
    look: () => api('GET', `/v1/documents?collection_id=${collectionId}&limit=20`),
    document: () => {
      const { name, content } = freshPage(run, posted++);
      return api('POST', '/v1/documents', {
        collection_id: collectionId,
        name,
        content,
        content_type: 'text/markdown',
      });
    },
    upload: () => upload(api, collectionId, freshPage(run, posted++)),
  };
  return () => {
    const kind = drawKind(random());
    return { kind, send: send[kind] };
  };
}

function drawKind(drawn: number): Kind {
  let left = drawn;
  for (const kind of kinds) {
    if (left < shares[kind]) return kind;
    left -= shares[kind];
  }
  return 'search';
}

/** Words that stand together in a page, so that searches find something; the same rank always asks the same. */
function questionOf(rank: number, pages: number): string {
  const words = onePage(rank % pages)
    .content.split(/\s+/)
    .filter((word) => /^[A-Za-z]{3,}$/.test(word));
  const from = (rank * 7) % (words.length - wordsOfQuestion);
  return words.slice(from, from + wordsOfQuestion).join(' ');
}

/** Unlike all others, of other runs too: nothing that is posted is known already. */
function freshPage(run: string, number: number): { name: string; content: string } {
  const { content } = onePage(500_000 + number);
  return { name: `${run}-${number}.md`, content: `${content}\n\nRun ${run}, page ${number}.\n` };
}

interface Announced {
  readonly upload: { readonly url: string; readonly headers: Record<string, string> };
}

/** Announced, then put into the bucket: what it takes together. */
async function upload(
  api: HttpClient,
  collectionId: string,
  page: { name: string; content: string },
): Promise<HttpAnswer> {
  const body = Buffer.from(page.content);
  const announced = await api('POST', '/v1/uploads', {
    ...{ collection_id: collectionId, name: page.name, content_type: 'text/markdown', size_bytes: body.length },
  });
  if (announced.status >= 300) return announced;
  const { url, headers } = successOf<Announced>(announced).upload;
  const began = performance.now();
  const put = await fetch(url, { method: 'PUT', headers, body });
  const text = await put.text();
  return { status: put.status, body: text, milliseconds: announced.milliseconds + performance.now() - began };
}
