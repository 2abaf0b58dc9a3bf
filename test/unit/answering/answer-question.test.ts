import { describe, expect, it } from 'vitest';
import { AnswerCache } from '../../../shared/answering/answer-cache.ts';
import { answerQuestion } from '../../../shared/answering/answer-question.ts';
import type { AnsweredQuery, QueryEvent } from '../../../shared/answering/answered-query.ts';
import type { DatabaseEvidence, Evidence, Legs } from '../../../shared/answering/leg.ts';
import { fitPassages } from '../../../shared/answering/passages.ts';
import { noCache } from '../../../shared/core/cache.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import type { ChatModel } from '../../../shared/models/chat-model.ts';
import { hitOf } from './hits.ts';

const hits = [hitOf({ text: 'Refunds are paid within 14 days of the return.' })];
const documents: Evidence = {
  hits,
  passages: fitPassages(hits, 1_000),
  degraded: [],
  embeddingTokens: 0,
  costUsd: 0,
  embeddingCache: 'hit',
  milliseconds: 1,
};
const given = (more: Partial<DatabaseEvidence> = {}, rowsMayBeSent = true): DatabaseEvidence => ({
  connectionId: 'c',
  result: {
    connectionId: 'c',
    connectionName: 'shop',
    statement: 'SELECT count(*) AS orders FROM shop.orders',
    columns: ['orders'],
    rows: [['412']],
    truncated: false,
    tables: ['shop.orders'],
    assumptions: ['All of them.'],
    executedAt: new Date(0),
    rowsMayBeSent,
  },
  error: null,
  reason: null,
  calls: [],
  milliseconds: { generate: 2, execute: 3 },
  ...more,
});

const legsOf = (database: DatabaseEvidence): Legs => ({
  documents: { settings: '', gather: async () => documents },
  database: {
    settings: '',
    nearest: async () => ({ connectionId: 'c', connectionName: 'shop', tables: ['shop.orders'], score: 0.9 }),
    gather: async () => database,
  },
});

const chatOf = (text: string): ChatModel => ({
  model: 'fake',
  provider: 'fake',
  limits: { contextTokens: 10_000, maximumOutputTokens: 1_000 },
  async *stream() {
    for (const piece of text.match(/.{1,7}/gs) ?? []) yield { type: 'delta', text: piece };
    yield { type: 'end', finish: 'stop', model: 'fake', usage: undefined };
  },
});

async function ask(
  legs: Legs,
  text: string,
  request: {
    route?: 'auto' | 'documents' | 'database' | 'both';
    question?: string;
    reasoning?: 'direct' | 'decompose';
  } = {},
  hear: (event: QueryEvent) => void = () => {},
): Promise<{ events: QueryEvent[]; answer: AnsweredQuery }> {
  const answering = answerQuestion(
    { ...legs, chat: chatOf(text), answers: new AnswerCache(noCache, 0) },
    {
      workspaceId: 'w',
      narrowing: { collectionIds: null, connectionIds: null },
      apiKeyId: null,
      subjectId: null,
      question: 'How many orders are there?',
      collectionIds: null,
      filter: null,
      limit: 5,
      route: 'database',
      reasoning: 'direct',
      state: '',
      ...request,
    },
    { deadline: Date.now() + 10_000 },
  );
  const events: QueryEvent[] = [];
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return { events, answer: value };
    events.push(value);
    hear(value);
  }
}

const textOf = (events: readonly QueryEvent[]) =>
  events.map((event) => (event.type === 'delta' ? event.text : '')).join('');

describe('a question to a database', () => {
  it('is answered with values that are cited, and others marked', async () => {
    const { events, answer } = await ask(legsOf(given()), 'There are 412 orders [1: "412"], 999 of them late.');
    expect(answer.answer).toBe('There are 412 orders [1], 999 (unverified) of them late.');
    expect(answer).toMatchObject({
      route: 'database',
      citations: [{ kind: 'sql', value: '412' }],
      connectionIds: ['c'],
    });
    expect(answer.trace.unverifiedNumbers).toBe(1);
    expect(textOf(events)).toBe(answer.answer);
    expect(events.map(({ type }) => type).filter((type) => type !== 'delta')).toEqual(['route', 'sources', 'sql']);
  });

  it('is cited though the model set no mark, and not where it set a wrong one', async () => {
    expect((await ask(legsOf(given()), 'There are 412 orders.')).answer.answer).toBe('There are 412 orders. [1]');
    const wrong = await ask(legsOf(given()), 'There are 413 orders [1: "413"].');
    expect(wrong.answer.citations).toEqual([]);
    expect(wrong.answer.trace).toMatchObject({ removedMarks: 1, unverifiedNumbers: 1 });
  });

  it('joins what the documents say, and rows that no model may read', async () => {
    const { answer, events } = await ask(legsOf(given({}, false)), 'It takes 14 days [1: "within 14 days"].', {
      route: 'both',
    });
    expect(answer.answer).toBe('It takes 14 days [1]. The database "shop" says: orders: 412 [2].');
    expect(answer.citations.map(({ kind }) => kind)).toEqual(['document', 'sql']);
    expect(textOf(events)).toBe(answer.answer);
  });

  it('leaves the documents their answer when it fails, and says why when there is no other', async () => {
    const failed = given({ result: null, error: new DbragError('connection_refused', 'Nobody answers.') });
    const both = await ask(legsOf(failed), 'It takes 14 days [1: "within 14 days"].', { route: 'both' });
    expect(both.answer).toMatchObject({
      answer: 'It takes 14 days [1].',
      degraded: ['database'],
      error: { code: 'connection_refused' },
    });
    const alone = await ask(legsOf(failed), 'x');
    expect(alone.answer).toMatchObject({ answer: null, results: [], error: { code: 'connection_refused' } });
  });

  it('chooses its way by itself, asks back where two readings tie, and goes in parts', async () => {
    const auto = await ask(legsOf(given()), 'There are 412 [1: "412"].', { route: 'auto' });
    expect(auto.answer.route).toBe('database');
    const unclear = await ask(legsOf(given()), 'x', { route: 'auto', question: 'refunds' });
    expect(['clarify', 'database', 'documents']).toContain(unclear.answer.route);
    const parts = {
      route: 'both',
      question: 'How many orders? When are refunds paid?',
      reasoning: 'decompose',
    } as const;
    const whole = await ask(legsOf(given()), 'It takes 14 days [1: "within 14 days"] and 412 [2: "412"].', parts);
    expect(whole.answer.steps.map(({ result }) => result?.rows)).toEqual([[['412']], [['412']]]);
    expect(whole.answer.citations.map(({ kind }) => kind)).toEqual(['document', 'sql']);
  });

  it('says where a question goes before a model or a database is waited for', async () => {
    const asked: string[] = [];
    const legs = legsOf(given());
    const slow: Legs = {
      ...legs,
      database: legs.database && {
        ...legs.database,
        gather: async () => {
          asked.push('database');
          await new Promise((resolve) => setTimeout(resolve, 60));
          return given();
        },
      },
    };
    for (const reasoning of ['direct', 'decompose'] as const) {
      asked.length = 0;
      const question = reasoning === 'direct' ? 'How many orders?' : 'How many orders? How many customers?';
      const { answer } = await ask(slow, 'There are 412 [1: "412"].', { route: 'auto', reasoning, question }, (event) =>
        asked.push(event.type),
      );
      expect(asked.slice(0, 2)).toEqual(['route', 'database']);
      expect(answer.timing.route).toBeLessThan(50);
    }
  });
});
