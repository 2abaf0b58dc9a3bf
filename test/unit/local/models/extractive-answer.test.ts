import { expect, test } from 'vitest';
import { extractiveAnswer } from '../../../../infra/local/models/chat/extractive-answer.ts';

const ask = (question: string, text: string) =>
  extractiveAnswer({ sources: [{ mark: '1', text }], question, parts: [], quotes: false } as never);

test('a sentence that only asks the question again answers nothing', () => {
  const question = 'What happens when a queue message is lost?';
  expect(ask(question, `${question}\n\nNothing is lost when a queue message is.`)).toBe(
    'Nothing is lost when a queue message is [1].',
  );
  expect(ask(question, `curl -d '{"question":"${question}"}'`)).not.toContain('[1]');
});
