import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../../infra/local/events/schedule-expression.ts';

const iso = (moment: number | undefined) =>
  moment === undefined ? undefined : new Date(moment).toISOString().slice(0, 16);
const next = (expression: string, from: string) => iso(parseSchedule(expression).next(Date.parse(from)));

describe('cron', () => {
  test.each([
    // 2026-11-04 is a Wednesday.
    ['cron(0 3 * * ? *)', '2026-11-04T02:59:59Z', '2026-11-04T03:00'],
    ['cron(0 3 * * ? *)', '2026-11-04T03:00:00Z', '2026-11-05T03:00'],
    ['cron(0/15 * * * ? *)', '2026-11-04T10:46:00Z', '2026-11-04T11:00'],
    ['cron(5-50/20 9-17 * * ? *)', '2026-11-04T17:45:00Z', '2026-11-05T09:05'],
    ['cron(0 10 ? * MON-FRI *)', '2026-11-06T10:00:00Z', '2026-11-09T10:00'],
    ['cron(0 10 ? * 1,7 *)', '2026-11-04T00:00:00Z', '2026-11-07T10:00'],
    ['cron(0 0 L * ? *)', '2028-02-01T00:00:00Z', '2028-02-29T00:00'],
    ['cron(0 0 ? * 5L *)', '2026-11-01T00:00:00Z', '2026-11-26T00:00'],
    ['cron(0 0 ? * 3#2 *)', '2026-11-01T00:00:00Z', '2026-11-10T00:00'],
    ['cron(0 0 ? * 2#5 *)', '2026-12-01T00:00:00Z', '2027-03-29T00:00'],
    // 2026-08-15 is a Saturday, 2026-11-01 a Sunday, 2027-01-31 a Sunday.
    ['cron(0 0 15W 8 ? *)', '2026-01-01T00:00:00Z', '2026-08-14T00:00'],
    ['cron(0 0 1W 11 ? *)', '2026-10-01T00:00:00Z', '2026-11-02T00:00'],
    ['cron(0 0 LW 1 ? *)', '2027-01-01T00:00:00Z', '2027-01-29T00:00'],
    ['cron(0 0 29 FEB ? *)', '2026-01-01T00:00:00Z', '2028-02-29T00:00'],
    ['cron(59 23 31 DEC ? 2030)', '2026-01-01T00:00:00Z', '2030-12-31T23:59'],
    ['cron(0 0 1 1 ? 2020)', '2026-01-01T00:00:00Z', undefined],
    ['cron(0 0 31 2 ? *)', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s: %s', (expression, from, expected) => {
    expect(next(expression, from)).toBe(expected);
  });
  test('fires at exactly the minutes that it names', () => {
    const fields = {
      minute: fc.integer({ min: 0, max: 59 }),
      hour: fc.integer({ min: 0, max: 23 }),
      day: fc.integer({ min: 1, max: 28 }),
    };
    const moments = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) });
    fc.assert(
      fc.property(fc.record(fields), moments, ({ minute, hour, day }, moment) => {
        const found = parseSchedule(`cron(${minute} ${hour} ${day} * ? *)`).next(moment) ?? 0;
        const date = new Date(found);
        expect([date.getUTCMinutes(), date.getUTCHours(), date.getUTCDate(), found % 60_000]).toEqual([
          minute,
          hour,
          day,
          0,
        ]);
        expect(found).toBeGreaterThan(moment);
        expect(found - moment).toBeLessThanOrEqual(31 * 86_400_000);
      }),
      { numRuns: 300 },
    );
  });
});

test.each([
  ['rate(1 minute)', 60_000],
  ['rate(5 minutes)', 300_000],
  ['rate(12 hours)', 43_200_000],
  ['rate(1 day)', 86_400_000],
])('%s', (expression, length) => {
  expect(parseSchedule(expression).next(1000)).toBe(1000 + length);
});

test.each([
  'rate(1 minutes)',
  'rate(5 minute)',
  'rate(0 minutes)',
  'rate(5 seconds)',
  'cron(0 3 * * *)',
  'cron(0 3 * * * *)',
  'cron(0 3 ? * ? *)',
  'cron(60 3 * * ? *)',
  'cron(0 3 * FOO ? *)',
  'cron(0 3 10-5 * ? *)',
  'cron(*/0 3 * * ? *)',
  'cron(0 3 ? * 3#6 *)',
  'at(2030-01-01T00:00:00)',
  '0 3 * * *',
])('%s is refused', (expression) => {
  expect(() => parseSchedule(expression)).toThrow(/Schedule/);
});
