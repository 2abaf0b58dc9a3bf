import { RedisError, syntaxError } from '../protocol/reply.ts';
import { integerAt, keywordAt } from './arguments.ts';

const LATEST_DEADLINE = 2 ** 53 - 1;

export interface ExpiryUnit {
  readonly milliseconds: number;
  readonly absolute: boolean;
}

export const EXPIRY_UNITS: Record<string, ExpiryUnit> = {
  EX: { milliseconds: 1000, absolute: false },
  PX: { milliseconds: 1, absolute: false },
  EXAT: { milliseconds: 1000, absolute: true },
  PXAT: { milliseconds: 1, absolute: true },
};

/** A deadline in milliseconds since 1970 from an amount of a unit. */
export function deadlineFrom(amount: number, unit: ExpiryUnit, now: number, commandName: string): number {
  const deadline = amount * unit.milliseconds + (unit.absolute ? 0 : now);
  if (deadline > LATEST_DEADLINE || deadline < -LATEST_DEADLINE) throw invalidExpiry(commandName);
  return deadline;
}

export function invalidExpiry(commandName: string): RedisError {
  return new RedisError(`ERR invalid expire time in '${commandName}' command`);
}

export interface SetOptions {
  deadline?: number | 'keep';
  persist?: true;
  condition?: 'NX' | 'XX';
  get?: true;
}

/** The options behind SET and GETEX; `allowed` are the words besides EX, PX, EXAT and PXAT. */
export function parseSetOptions(
  args: readonly Buffer[],
  allowed: readonly string[],
  now: number,
  commandName: string,
): SetOptions {
  const options: SetOptions = {};
  for (let position = 0; position < args.length; position++) {
    const word = keywordAt(args, position);
    const unit = EXPIRY_UNITS[word];
    const expirySet = options.deadline !== undefined || options.persist;
    if (unit && !expirySet) {
      const amount = integerAt(args, ++position);
      if (amount <= 0) throw invalidExpiry(commandName);
      options.deadline = deadlineFrom(amount, unit, now, commandName);
    } else if (!allowed.includes(word)) throw syntaxError();
    else if (word === 'KEEPTTL' && !expirySet) options.deadline = 'keep';
    else if (word === 'PERSIST' && !expirySet) options.persist = true;
    else if (word === 'GET') options.get = true;
    else if ((word === 'NX' || word === 'XX') && !options.condition) options.condition = word;
    else throw syntaxError();
  }
  return options;
}
