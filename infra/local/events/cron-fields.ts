/** The days of one month that a field allows; `lastDay` is the number of the month's last day. */
export type DayRule = (day: number, weekday: number, lastDay: number, weekdayOf: (day: number) => number) => boolean;

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** A field of numbers: `*`, `5`, `1-5`, `1,7`, `0/15`, `10-50/10`. Throws for anything else. */
export function parseNumbers(
  field: string,
  least: number,
  most: number,
  names: readonly string[] = [],
): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    const [, from = '', to, step] = match ?? [];
    if (match === null || (from === '*' && to !== undefined)) throw new Error(`'${part}' is not understood`);
    const start = from === '*' ? least : numberOf(from, least, most, names);
    const open = from === '*' || (step !== undefined && to === undefined);
    const end = to !== undefined ? numberOf(to, least, most, names) : open ? most : start;
    const stride = step === undefined ? 1 : Number(step);
    if (stride < 1 || end < start) throw new Error(`'${part}' names nothing`);
    for (let value = start; value <= end; value += stride) numbers.add(value);
  }
  return numbers;
}

function numberOf(text: string, least: number, most: number, names: readonly string[]): number {
  const named = names.indexOf(text.toUpperCase());
  const value = named >= 0 ? named + least : Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`'${text}' is not ${least} to ${most}`);
  return value;
}

/** Months, by number or name. */
export function parseMonths(field: string): ReadonlySet<number> {
  return parseNumbers(field, 1, 12, months);
}

/** Days of the month: numbers, `L` (the last), `LW` (the last working day), `15W` (the working day nearest to the 15th). */
export function parseDaysOfMonth(field: string): DayRule {
  if (field === 'L') return (day, _weekday, lastDay) => day === lastDay;
  const working = /^(L|\d+)W$/.exec(field);
  if (working !== null) {
    const wanted = working[1] === 'L' ? 31 : numberOf(working[1] ?? '', 1, 31, []);
    return (day, _weekday, lastDay, weekdayOf) =>
      day === nearestWorkingDay(Math.min(wanted, lastDay), lastDay, weekdayOf);
  }
  const days = parseNumbers(field, 1, 31);
  return (day) => days.has(day);
}

/** The working day nearest to `day` in the same month. Weekdays are 1 (Sunday) to 7. */
function nearestWorkingDay(day: number, lastDay: number, weekdayOf: (day: number) => number): number {
  const weekday = weekdayOf(day);
  if (weekday === 7) return day === 1 ? 3 : day - 1;
  if (weekday === 1) return day === lastDay ? day - 2 : day + 1;
  return day;
}

/** Days of the week (1 is Sunday): numbers, names, `L` (Saturday), `5L` (the month's last Thursday), `3#2` (its second Tuesday). */
export function parseDaysOfWeek(field: string): DayRule {
  if (field === 'L') return (_day, weekday) => weekday === 7;
  const last = /^(\w+)L$/.exec(field);
  if (last !== null) {
    const wanted = numberOf(last[1] ?? '', 1, 7, weekdays);
    return (day, weekday, lastDay) => weekday === wanted && day > lastDay - 7;
  }
  const nth = /^(\w+)#([1-5])$/.exec(field);
  if (nth !== null) {
    const wanted = numberOf(nth[1] ?? '', 1, 7, weekdays);
    return (day, weekday) => weekday === wanted && Math.ceil(day / 7) === Number(nth[2]);
  }
  const days = parseNumbers(field, 1, 7, weekdays);
  return (_day, weekday) => days.has(weekday);
}
