import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routeQuestion } from '../../../shared/answering/route-question.ts';
import { labelledQuestions, lowerBound } from '../../support/routing/labelled-questions.ts';

describe('routing', () => {
  it('reads the questions that were kept back as people do, in at least 92 of 100', () => {
    const kept = labelledQuestions().filter(({ keptBack }) => keptBack);
    const wrong = kept.filter((question) => routeQuestion(question).route !== question.label);
    expect(kept.length).toBeGreaterThan(130);
    expect(lowerBound(kept.length - wrong.length, kept.length), JSON.stringify(wrong)).toBeGreaterThanOrEqual(0.92);
  });

  it('goes where there is something', () => {
    const question = 'How many orders were placed last month?';
    expect(routeQuestion({ question, table: null, chunk: 0.1 }).route).toBe('documents');
    expect(routeQuestion({ question: 'What is our policy?', table: 0.1, chunk: null }).route).toBe('database');
    expect(routeQuestion({ question, table: null, chunk: null }).route).toBe('documents');
  });

  it('does not depend on how large the cosines of an embedding model are', () => {
    const question = 'Which ten customers spent the most?';
    for (const scale of [0.5, 1, 2]) {
      expect(routeQuestion({ question, table: 0.4 * scale, chunk: 0.2 * scale }).route).toBe('database');
    }
  });

  it('reads whatever comes', () => {
    const cosine = fc.option(fc.double({ min: -1, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.string(), cosine, cosine, (question, table, chunk) => {
        const { likelihood } = routeQuestion({ question, table, chunk });
        expect(Object.values(likelihood).reduce((sum, each) => sum + each)).toBeCloseTo(1);
      }),
    );
  });
});
