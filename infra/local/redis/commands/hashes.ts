import { OK, RedisError, type Reply } from '../protocol/reply.ts';
import { HashValue } from '../storage/values.ts';
import { argument, bigIntegerOf, bytesAt, bytesToBuffer, withinInt64 } from './arguments.ts';
import { type CommandContext, command } from './command.ts';
import { addDecimals } from './decimal.ts';

const GROWS = { grows: true } as const;

function hashAt({ keyspace }: CommandContext, args: readonly Buffer[]): HashValue | undefined {
  return keyspace.getTyped(bytesAt(args, 0), 'hash');
}

/** Changes the hash at the key, making it when there is none. */
function change<T>(context: CommandContext, args: readonly Buffer[], apply: (hash: HashValue) => T): T {
  const key = bytesAt(args, 0);
  const existing = hashAt(context, args);
  const hash = existing ?? new HashValue();
  const result = apply(hash);
  if (!existing) context.keyspace.set(key, hash);
  context.keyspace.changed(key);
  return result;
}

function setFields(name: string) {
  return (context: CommandContext, args: readonly Buffer[]): number => {
    if (args.length % 2 !== 1) throw new RedisError(`ERR wrong number of arguments for '${name}' command`);
    return change(context, args, (hash) => {
      let added = 0;
      for (let position = 1; position < args.length; position += 2) {
        if (hash.set(bytesAt(args, position), argument(args, position + 1))) added += 1;
      }
      return added;
    });
  };
}

function deleteFields(context: CommandContext, args: readonly Buffer[]): Reply {
  const hash = hashAt(context, args);
  const deleted = args.slice(1).filter((field) => hash?.delete(field.toString('latin1'))).length;
  if (deleted > 0) context.keyspace.changed(bytesAt(args, 0));
  return deleted;
}

function add(context: CommandContext, args: readonly Buffer[]): Reply {
  const amount = bigIntegerOf(argument(args, 2));
  const field = bytesAt(args, 1);
  return change(context, args, (hash) => {
    const sum = withinInt64(integerField(hash, field) + amount, 'ERR increment or decrement would overflow');
    hash.set(field, Buffer.from(sum.toString()));
    return sum;
  });
}

function integerField(hash: HashValue, field: string): bigint {
  const data = hash.get(field);
  try {
    return data ? bigIntegerOf(data) : 0n;
  } catch {
    throw new RedisError('ERR hash value is not an integer');
  }
}

function addFloat(context: CommandContext, args: readonly Buffer[]): Reply {
  const field = bytesAt(args, 1);
  return change(context, args, (hash) => {
    const sum = Buffer.from(addDecimals(hash.get(field)?.toString('latin1') ?? '0', bytesAt(args, 2)));
    hash.set(field, sum);
    return sum;
  });
}

export const hashCommands = [
  command('hset', -4, setFields('hset'), GROWS),
  command(
    'hmset',
    -4,
    (context, args) => {
      setFields('hmset')(context, args);
      return OK;
    },
    GROWS,
  ),
  command(
    'hsetnx',
    4,
    (context, args) => (hashAt(context, args)?.get(bytesAt(args, 1)) ? 0 : setFields('hsetnx')(context, args)),
    GROWS,
  ),
  command('hget', 3, (context, args) => hashAt(context, args)?.get(bytesAt(args, 1)) ?? null),
  command('hmget', -3, (context, args) => {
    const hash = hashAt(context, args);
    return args.slice(1).map((field) => hash?.get(field.toString('latin1')) ?? null);
  }),
  command('hgetall', 2, (context, args) =>
    [...(hashAt(context, args)?.entries() ?? [])].flatMap(([field, data]) => [bytesToBuffer(field), data]),
  ),
  command('hkeys', 2, (context, args) =>
    [...(hashAt(context, args)?.entries() ?? [])].map(([field]) => bytesToBuffer(field)),
  ),
  command('hvals', 2, (context, args) => [...(hashAt(context, args)?.entries() ?? [])].map(([, data]) => data)),
  command('hlen', 2, (context, args) => hashAt(context, args)?.size ?? 0),
  command('hdel', -3, deleteFields),
  command('hexists', 3, (context, args) => (hashAt(context, args)?.get(bytesAt(args, 1)) ? 1 : 0)),
  command('hincrby', 4, add, GROWS),
  command('hincrbyfloat', 4, addFloat, GROWS),
];
