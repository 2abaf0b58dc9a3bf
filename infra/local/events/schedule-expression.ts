import { type DayRule, parseDaysOfMonth, parseDaysOfWeek, parseMonths, parseNumbers } from './cron-fields.ts';

/** When a rule fires, in UTC. Source: "Cron and rate expressions", EventBridge User Guide. */
export interface ScheduleExpression {
  /** The first time after `moment` (milliseconds since 1970); undefined when there is none. `rate` counts from `moment`. */
  next(moment: number): number | undefined;
}

const DAY = 86_400_000;
const units: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: DAY };

/** Reads `rate(5 minutes)` or `cron(0 3 * * ? *)`. Throws for what EventBridge would refuse. */
export function parseSchedule(expression: string): ScheduleExpression {
  const [, kind, inside = ''] = /^(rate|cron)\((.*)\)$/.exec(expression.trim()) ?? [];
  try {
    if (kind === 'rate') return parseRate(inside.trim());
    if (kind === 'cron') return parseCron(inside.trim().split(/\s+/));
  } catch (error) {
    throw new Error(`Schedule ${expression}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  throw new Error(`Schedule ${expression}: only rate(…) and cron(…) are known`);
}

function parseRate(text: string): ScheduleExpression {
  const [, amount = '', unit = '', plural] = /^(\d+) (minute|hour|day)(s?)$/.exec(text) ?? [];
  const value = Number(amount);
  const unitLength = units[unit];
  // EventBridge wants `1 hour` and `2 hours`, and refuses the others.
  if (unitLength === undefined || value < 1 || (value === 1) === (plural === 's')) throw new Error('not a rate');
  return { next: (moment) => moment + value * unitLength };
}

interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly years: ReadonlySet<number>;
  readonly day: DayRule;
}

const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;

function parseCron(fields: readonly string[]): ScheduleExpression {
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields;
  if (fields.length !== 6) throw new Error('six fields are wanted: minutes hours day-of-month month day-of-week year');
  if ((dayOfMonth === '?') === (dayOfWeek === '?'))
    throw new Error('exactly one of day-of-month and day-of-week must be ?');
  const cron: Cron = {
    minutes: parseNumbers(minute, 0, 59),
    hours: parseNumbers(hour, 0, 23),
    months: parseMonths(month),
    years: parseNumbers(year, FIRST_YEAR, LAST_YEAR),
    day: dayOfWeek === '?' ? parseDaysOfMonth(dayOfMonth) : parseDaysOfWeek(dayOfWeek),
  };
  return { next: (moment) => nextOf(cron, moment) };
}

/** Looks at whole months first, then days, then minutes, so that a yearly schedule costs no more than a daily one. */
function nextOf(cron: Cron, moment: number): number | undefined {
  const earliest = Math.floor(moment / 60_000) * 60_000 + 60_000;
  const start = new Date(earliest);
  for (let year = start.getUTCFullYear(); year <= LAST_YEAR; year += 1) {
    const firstMonth = year === start.getUTCFullYear() ? start.getUTCMonth() : 0;
    for (let month = firstMonth; cron.years.has(year) && month < 12; month += 1) {
      const found = cron.months.has(month + 1) ? firstInMonth(cron, year, month, earliest) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function firstInMonth(cron: Cron, year: number, month: number, earliest: number): number | undefined {
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const weekdayOf = (day: number): number => new Date(Date.UTC(year, month, day)).getUTCDay() + 1;
  for (let day = 1; day <= lastDay; day += 1) {
    const midnight = Date.UTC(year, month, day);
    if (midnight + DAY <= earliest || !cron.day(day, weekdayOf(day), lastDay, weekdayOf)) continue;
    const found = firstInDay(cron, midnight, earliest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstInDay(cron: Cron, midnight: number, earliest: number): number | undefined {
  const skipped = Math.max(0, (earliest - midnight) / 60_000);
  for (let minute = skipped; minute < 1440; minute += 1) {
    if (cron.hours.has(Math.floor(minute / 60)) && cron.minutes.has(minute % 60)) return midnight + minute * 60_000;
  }
  return undefined;
}
