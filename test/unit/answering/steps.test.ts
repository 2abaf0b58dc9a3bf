import { describe, expect, it } from 'vitest';
import type { AnsweredStep } from '../../../shared/answering/answered-query.ts';
import { Steps } from '../../../shared/answering/steps.ts';

const step = (question: string): AnsweredStep => ({ question, route: 'documents', answer: null, result: null });

describe('the steps of an answer', () => {
  it('are given out once each and in order, whoever asks for those that are ready while the rest is waited for', async () => {
    const three = ['first', 'second', 'third'].map(step);
    const steps = new Steps(three.map((each) => Promise.resolve(each)));
    expect([...steps.ready()]).toEqual([]);
    await Promise.resolve();
    const told: AnsweredStep[] = [];
    for await (const each of steps.rest()) told.push(each, ...steps.ready());
    expect(told).toEqual(three);
  });

  it('wait for the one before', async () => {
    let answerFirst: (step: AnsweredStep) => void = () => {};
    const first = new Promise<AnsweredStep>((resolve) => {
      answerFirst = resolve;
    });
    const steps = new Steps([first, Promise.resolve(step('second'))]);
    await Promise.resolve();
    expect([...steps.ready()]).toEqual([]);
    answerFirst(step('first'));
    await first;
    await Promise.resolve();
    expect([...steps.ready()].map(({ question }) => question)).toEqual(['first', 'second']);
  });
});
