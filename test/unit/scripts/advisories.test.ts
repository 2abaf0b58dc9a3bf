import { describe, expect, it } from 'vitest';
import { readAdvisories } from '../../../scripts/read-advisories.ts';

const report = (vulnerabilities: object): string =>
  JSON.stringify({ auditReportVersion: 2, vulnerabilities, metadata: { dependencies: { prod: 90, total: 100 } } });

describe('advisories', () => {
  it('are told with the most severe first, and by what a package has them', () => {
    const found = readAdvisories(
      report({
        one: { name: 'one', severity: 'low', via: [{ title: 'Slow regular expression' }] },
        two: { name: 'two', severity: 'critical', via: [{ title: 'Runs anything' }, 'one'] },
      }),
    );
    expect(found).toEqual({
      packages: 100,
      advisories: [
        { name: 'two', severity: 'critical', titles: ['Runs anything', 'by one'] },
        { name: 'one', severity: 'low', titles: ['Slow regular expression'] },
      ],
    });
  });

  it('of a clean tree are none', () => {
    expect(readAdvisories(report({}))).toEqual({ packages: 100, advisories: [] });
  });

  it.each([
    ['a refusal of the registry', '{"message":"405 Method Not Allowed","statusCode":405,"error":{}}', /405/],
    ['no JSON', 'npm error', /no report/],
    ['nothing', '', /no report/],
    ['JSON that is no report', '{}', /no report/],
  ])('are not taken for none after %s', (_, output, why) => {
    expect(readAdvisories(output)).toEqual({ unanswered: expect.stringMatching(why) });
  });
});
