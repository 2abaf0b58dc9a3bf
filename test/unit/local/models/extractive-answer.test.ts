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

test('rows and documents share a question: what the rows tell is not asked of the documents', () => {
  const rows = {
    mark: '1',
    isResult: true,
    text: 'status: shipped | orders_count: 857\nstatus: open | orders_count: 286',
  };
  const told = {
    mark: '2',
    isResult: false,
    text: 'A sweeper sends a lost message again.\n\nThe status of a version.',
  };
  const answerTo = (question: string) =>
    extractiveAnswer({ sources: [rows, told], question, parts: [], quotes: false } as never);
  const counted = 'The database says: status: shipped, orders count: 857; status: open, orders count: 286 [1: "857"].';
  expect(answerTo('What happens to a lost message, and how many orders are there per status?')).toBe(
    `${counted} A sweeper sends a lost message again [2].`,
  );
  expect(answerTo('How many orders are there per status?')).toBe(counted);
});
