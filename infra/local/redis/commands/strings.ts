import { OK, RedisError, type Reply } from '../protocol/reply.ts';
import { StringValue } from '../storage/values.ts';
import { argument, bytesAt, integerAt } from './arguments.ts';
import { type CommandContext, command } from './command.ts';
import { deadlineFrom, EXPIRY_UNITS, type ExpiryUnit, invalidExpiry, parseSetOptions } from './expiry-options.ts';

const GROWS = { grows: true } as const;
const MAX_STRING_BYTES = 512 * 1024 * 1024;

function read({ keyspace }: CommandContext, key: string): Buffer | null {
  return keyspace.getTyped(key, 'string')?.data ?? null;
}

function set(context: CommandContext, args: readonly Buffer[]): Reply {
  const { keyspace } = context;
  const key = bytesAt(args, 0);
  const options = parseSetOptions(args.slice(2), ['NX', 'XX', 'GET', 'KEEPTTL'], keyspace.now(), 'set');
  const old = options.get ? read(context, key) : null;
  const exists = keyspace.get(key) !== undefined;
  if ((options.condition === 'NX' && exists) || (options.condition === 'XX' && !exists)) return old;
  keyspace.set(key, new StringValue(argument(args, 1)), options.deadline);
  return options.get ? old : OK;
}

function setWithExpiry(name: string, unit: ExpiryUnit) {
  return ({ keyspace }: CommandContext, args: readonly Buffer[]): Reply => {
    const amount = integerAt(args, 1);
    if (amount <= 0) throw invalidExpiry(name);
    const deadline = deadlineFrom(amount, unit, keyspace.now(), name);
    keyspace.set(bytesAt(args, 0), new StringValue(argument(args, 2)), deadline);
    return OK;
  };
}

function getEx(context: CommandContext, args: readonly Buffer[]): Reply {
  const { keyspace } = context;
  const key = bytesAt(args, 0);
  const data = read(context, key);
  const options = parseSetOptions(args.slice(1), ['PERSIST'], keyspace.now(), 'getex');
  if (options.persist) keyspace.setDeadline(key, undefined);
  else if (typeof options.deadline === 'number') keyspace.setDeadline(key, options.deadline);
  return data;
}

function setMany({ keyspace }: CommandContext, args: readonly Buffer[]): Reply {
  if (args.length % 2 !== 0) throw new RedisError("ERR wrong number of arguments for 'mset' command");
  for (let position = 0; position < args.length; position += 2) {
    keyspace.set(bytesAt(args, position), new StringValue(argument(args, position + 1)));
  }
  return OK;
}

function append(context: CommandContext, args: readonly Buffer[]): Reply {
  const key = bytesAt(args, 0);
  const joined = Buffer.concat([read(context, key) ?? Buffer.alloc(0), argument(args, 1)]);
  if (joined.length > MAX_STRING_BYTES) throw new RedisError('ERR string exceeds maximum allowed size (512MB)');
  context.keyspace.set(key, new StringValue(joined), 'keep');
  return joined.length;
}

/** MGET answers nil for another type, where GET complains. */
function readMany({ keyspace }: CommandContext, args: readonly Buffer[]): Reply {
  return args.map((key) => {
    const value = keyspace.get(key.toString('latin1'));
    return value?.type === 'string' ? value.data : null;
  });
}

export const stringCommands = [
  command('get', 2, (context, args) => read(context, bytesAt(args, 0))),
  command('set', -3, set, GROWS),
  command('setex', 4, setWithExpiry('setex', EXPIRY_UNITS.EX as ExpiryUnit), GROWS),
  command('psetex', 4, setWithExpiry('psetex', EXPIRY_UNITS.PX as ExpiryUnit), GROWS),
  command(
    'setnx',
    3,
    ({ keyspace }, args) => {
      if (keyspace.get(bytesAt(args, 0))) return 0;
      keyspace.set(bytesAt(args, 0), new StringValue(argument(args, 1)));
      return 1;
    },
    GROWS,
  ),
  command('getdel', 2, (context, args) => {
    const data = read(context, bytesAt(args, 0));
    context.keyspace.delete(bytesAt(args, 0));
    return data;
  }),
  command('getex', -2, getEx),
  command('mget', -2, readMany),
  command('mset', -3, setMany, GROWS),
  command('append', 3, append, GROWS),
  command('strlen', 2, (context, args) => read(context, bytesAt(args, 0))?.length ?? 0),
];
