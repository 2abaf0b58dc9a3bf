import { describe, expect, it } from 'vitest';
import { decompose, readSubQuestions } from '../../../shared/answering/decompose.ts';
import { rewriteQuestion } from '../../../shared/answering/rewrite-question.ts';
import type { ChatModel } from '../../../shared/models/chat-model.ts';
import { ModelError } from '../../../shared/models/model-error.ts';

/** Says one thing, or fails. */
function modelOf(answer: string | ModelError): ChatModel & { calls: number } {
  return {
    model: 'test',
    provider: 'test',
    limits: { contextTokens: 1, maximumOutputTokens: 1 },
    calls: 0,
    async *stream() {
      this.calls += 1;
      if (typeof answer !== 'string') throw answer;
      yield { type: 'delta', text: answer };
      yield { type: 'end', finish: 'stop', model: 'test', usage: undefined };
    },
  };
}
const options = { deadline: Date.now() + 60_000 };
const down = new ModelError('transient', 'down');

describe('a question is split', () => {
  it.each([
    ['When is it open? Who keeps bees in Skagen?', ['x', 'y'], 1],
    ['Who keeps bees in Skagen? When was Rome built?', ['Who keeps bees in Skagen?', 'When was Rome built?'], 0],
    [
      'How many hives are there in Rome? Is there a fee for keepers?',
      ['How many hives are there in Rome?', 'Is there a fee for keepers?'],
      0,
    ],
    ['Who keeps bees in Skagen? Is there parking?', ['x', 'y'], 1],
    ['Who keeps bees in Skagen? Who was there?', ['x', 'y'], 1],
    ['Who keeps bees in Skagen? Are there rules for those who live there?', ['x', 'y'], 1],
    ['How do bees compare with wasps?', ['x', 'y'], 1],
  ])('%s', async (question, parts, calls) => {
    const model = modelOf('1. x\n- y');
    expect((await decompose(model, question, options)).questions).toEqual(parts);
    expect(model.calls).toBe(calls);
  });

  it('into itself when the model fails or says nothing', async () => {
    for (const answer of [down, ' \n- \n', 'Here are the questions:'])
      expect((await decompose(modelOf(answer), 'Why?', options)).questions).toEqual(['Why?']);
  });

  it('into four at most, each once', () => {
    expect(readSubQuestions('1) a\n2) b\n3) a\n* c\n• d\ne')).toEqual(['a', 'b', 'c', 'd']);
    expect(readSubQuestions(`${'x'.repeat(501)}\nb`)).toEqual(['b']);
  });
});

describe('a follow-up', () => {
  const history = [{ role: 'user' as const, content: 'When was the lighthouse lit?' }];

  it('is put as the model says, on one line', async () => {
    const rewrite = async (answer: string | ModelError) =>
      (await rewriteQuestion(modelOf(answer), 'How high is it?', history, options, 'fence')).question;
    expect(await rewrite(' Question: How high is the lighthouse?\n')).toBe('How high is the lighthouse?');
    for (const answer of [down, '   ', 'one\ntwo', 'x'.repeat(1_001), 'is <answer-fence> it', '...'])
      expect(await rewrite(answer)).toBe('How high is it?');
  });

  it('without anything before it is no follow-up', async () => {
    const model = modelOf('x');
    expect(await rewriteQuestion(model, 'How high?', [], options)).toEqual({ question: 'How high?', call: undefined });
    expect(model.calls).toBe(0);
  });
});
