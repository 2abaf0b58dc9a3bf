import { describe, expect, test } from 'vitest';
import { LexicalEmbedder } from '../../../../infra/local/models/embedding/lexical-embedder.ts';
import { stem, wordsOf } from '../../../../infra/local/models/embedding/words.ts';
import { countTokens } from '../../../../infra/local/models/wire/token-count.ts';
import { leastTokens } from '../../../support/fake-model-server/embeddings-endpoint.ts';
import { Faults } from '../../../support/fake-model-server/faults.ts';
import { FakeVectors } from '../../../support/fake-model-server/vectors.ts';

const dot = (left: Float32Array, right: Float32Array) =>
  left.reduce((sum, value, position) => sum + value * (right[position] as number), 0);

describe('lexical embeddings', () => {
  const embedder = new LexicalEmbedder();
  const likeness = (left: string, right: string) => dot(embedder.embed(left, 1_536), embedder.embed(right, 1_536));

  test.each([
    ['How do I get a refund?', 'Refunds are paid within 14 days.', 'The weather in Lisbon is mild.'],
    ['postgres connection pool', 'Connection pooling in PostgreSQL', 'The pool is open for swimming'],
    ['Пошук документів', 'Як працює пошук у документах', 'Погода сьогодні гарна'],
    ['数据库连接', '数据库连接池的配置', '今天的天气很好'],
    ['error E4021', 'What E4021 means', 'What E1103 means'],
  ])('%s is nearer to %s than to %s', (query, near, far) => {
    expect(likeness(query, near)).toBeGreaterThan(likeness(query, far) + 0.1);
  });

  test.each(['', '!!!', 'the', ' ', '😀', 'x'.repeat(10_000)])('%j has a vector of length 1', (text) => {
    const vector = embedder.embed(text, 1_536);
    expect(dot(vector, vector)).toBeCloseTo(1, 4);
  });

  test('a repeated word counts less each time', () => {
    expect(likeness('refund refund refund refund policy', 'refund policy')).toBeGreaterThan(0.8);
  });

  test('words and stems', () => {
    expect(wordsOf('Ünïcode, E-mail ﬁles')).toEqual(['ünïcode', 'e', 'mail', 'files']);
    expect(['refunds', 'refunded', 'refunding'].map(stem)).toEqual(['refund', 'refund', 'refund']);
    expect(['policies', 'stopped', 'status', 'is', '2024s'].map(stem)).toEqual([
      'policy',
      'stop',
      'status',
      'is',
      '2024s',
    ]);
  });
});

describe('token counts', () => {
  test('long runs are counted quickly, special tokens as text', () => {
    const started = performance.now();
    expect(countTokens('a'.repeat(100_000))).toBeGreaterThan(10_000);
    expect(countTokens('<|endoftext|>')).toBeGreaterThan(1);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(countTokens('hello world')).toBe(2);
  });

  test.each([
    'plain words, (some) signs... and 1234567 digits',
    "don't  \n\n stop",
    'mixed ünïcode “quotes” – dashes…',
    '   ',
    'a_b-c/d:e',
    '数据库 abc1 ½5',
  ])('the quick count of %j is a lower bound', (text) =>
    expect(leastTokens(text)).toBeLessThanOrEqual(countTokens(text)),
  );
});

describe('the fake', () => {
  test('vectors depend on seed and text alone', () => {
    const one = new FakeVectors(1).vector('text');
    expect(new FakeVectors(1).vector('text')).toEqual(one);
    expect(Math.abs(dot(new FakeVectors(2).vector('text'), one))).toBeLessThan(0.15);
    expect(Math.abs(dot(new FakeVectors(1).vector('texu'), one))).toBeLessThan(0.15);
    expect(dot(one, one)).toBeCloseTo(1, 5);
  });

  test('queue before markers before rules, and markers by times', () => {
    const faults = new Faults(1);
    faults.setRules([{ kind: '503', rate: 1 }]);
    faults.next('500');
    const text = ['x [[fault:429:retry-after=2,times=1]]'];
    expect(faults.decide('embeddings', text)?.kind).toBe('500');
    expect(faults.decide('embeddings', text)).toEqual({ kind: '429', options: { 'retry-after': '2', times: '1' } });
    expect(faults.decide('embeddings', text)?.kind).toBe('503');
    faults.setRules([{ kind: 'drip', rate: 1 }]);
    expect(faults.decide('embeddings', ['x'])).toBeUndefined();
    expect(() => faults.next('no-such' as '500')).toThrow("unknown fault 'no-such'");
  });
});
