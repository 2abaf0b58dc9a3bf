import { RedisError } from '../protocol/reply.ts';
import { StringValue } from '../storage/values.ts';
import { argument, bigIntegerOf, bytesAt, withinInt64 } from './arguments.ts';
import { type CommandContext, command } from './command.ts';
import { addDecimals } from './decimal.ts';

const GROWS = { grows: true } as const;
const OVERFLOW = 'ERR increment or decrement would overflow';

/** Adds to the integer at a key; a missing key counts from 0, and the deadline stays. */
function add({ keyspace }: CommandContext, key: string, amount: bigint): bigint {
  const data = keyspace.getTyped(key, 'string')?.data;
  const sum = withinInt64((data ? bigIntegerOf(data) : 0n) + amount, OVERFLOW);
  keyspace.set(key, new StringValue(Buffer.from(sum.toString())), 'keep');
  return sum;
}

function addFloat({ keyspace }: CommandContext, args: readonly Buffer[]): Buffer {
  const key = bytesAt(args, 0);
  const data = keyspace.getTyped(key, 'string')?.data;
  const sum = Buffer.from(addDecimals(data?.toString('latin1') ?? '0', bytesAt(args, 1)));
  keyspace.set(key, new StringValue(sum), 'keep');
  return sum;
}

function negated(amount: bigint): bigint {
  if (amount === -(2n ** 63n)) throw new RedisError('ERR decrement would overflow');
  return -amount;
}

export const counterCommands = [
  command('incr', 2, (context, args) => add(context, bytesAt(args, 0), 1n), GROWS),
  command('decr', 2, (context, args) => add(context, bytesAt(args, 0), -1n), GROWS),
  command('incrby', 3, (context, args) => add(context, bytesAt(args, 0), bigIntegerOf(argument(args, 1))), GROWS),
  command(
    'decrby',
    3,
    (context, args) => add(context, bytesAt(args, 0), negated(bigIntegerOf(argument(args, 1)))),
    GROWS,
  ),
  command('incrbyfloat', 3, addFloat, GROWS),
];
