import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuestionWords } from '../../../shared/retrieval/question-words.ts';

describe('the words of a question', () => {
  it.each([
    ['plain words', { text: 'plain words', phrases: [], excluded: [] }],
    ['a "quoted phrase" here', { text: 'a  quoted phrase  here', phrases: ['quoted phrase'], excluded: [] }],
    ['cats -dogs', { text: 'cats  ', phrases: [], excluded: ['dogs'] }],
    ['-"big dogs" cats', { text: '  cats', phrases: [], excluded: ['big dogs'] }],
    ['well-known things - and dashes -- too', { text: 'well-known things - and dashes -- too' }],
    ['a 5" pipe and a 6" one', { text: 'a 5" pipe and a 6" one', phrases: [] }],
    ['an "open quote', { text: 'an "open quote', phrases: [] }],
    ['"" nothing', { phrases: [], excluded: [] }],
    ['Größe -Ärger -42', { phrases: [], excluded: ['Ärger', '42'] }],
  ])('%s', (question, parts) => {
    expect(parseQuestionWords(question)).toMatchObject(parts);
  });

  it('loses no word: each is ranked or excluded', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(word, fc.constantFrom('', '-', '"'))), (parts) => {
        const question = parts.map(([each, sign]) => (sign === '"' ? `"${each}"` : `${sign}${each}`)).join(' ');
        const { text, excluded } = parseQuestionWords(question);
        const ranked = parts.filter(([, sign]) => sign !== '-').map(([each]) => each);
        expect(text.split(/\s+/).filter(Boolean)).toEqual(ranked);
        expect(excluded).toEqual(parts.filter(([, sign]) => sign === '-').map(([each]) => each));
      }),
    );
  });

  it('takes time in proportion to the length of the question', () => {
    const started = performance.now();
    for (const unit of ['"', '-"', '-a', ' "', '"" ']) parseQuestionWords(unit.repeat(8_000));
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
