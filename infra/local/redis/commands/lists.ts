import { NULL_ARRAY, OK, RedisError, type Reply } from '../protocol/reply.ts';
import { ListValue } from '../storage/values.ts';
import { bytesAt, integerAt } from './arguments.ts';
import { type CommandContext, command } from './command.ts';

type Side = 'left' | 'right';

function listAt({ keyspace }: CommandContext, args: readonly Buffer[]): ListValue | undefined {
  return keyspace.getTyped(bytesAt(args, 0), 'list');
}

function push(side: Side) {
  return (context: CommandContext, args: readonly Buffer[]): Reply => {
    const key = bytesAt(args, 0);
    const existing = listAt(context, args);
    const list = existing ?? new ListValue();
    for (const data of args.slice(1)) list.push(side, data);
    if (existing) context.keyspace.changed(key);
    else context.keyspace.set(key, list);
    return list.size;
  };
}

function pop(side: Side) {
  return (context: CommandContext, args: readonly Buffer[]): Reply => {
    const counted = args.length > 1;
    const count = counted ? integerAt(args, 1) : 1;
    if (count < 0) throw new RedisError('ERR value is out of range, must be positive');
    const list = listAt(context, args);
    if (!list) return counted ? NULL_ARRAY : null;
    const popped: Buffer[] = [];
    while (popped.length < count && list.size > 0) popped.push(list.pop(side) as Buffer);
    if (popped.length > 0) context.keyspace.changed(bytesAt(args, 0));
    return counted ? popped : (popped[0] ?? null);
  };
}

function trim(context: CommandContext, args: readonly Buffer[]): Reply {
  const list = listAt(context, args);
  if (!list) return OK;
  const kept = new ListValue();
  for (const data of list.range(integerAt(args, 1), integerAt(args, 2))) kept.push('right', data);
  const key = bytesAt(args, 0);
  if (kept.size === 0) context.keyspace.delete(key);
  else context.keyspace.set(key, kept, 'keep');
  return OK;
}

export const listCommands = [
  command('lpush', -3, push('left'), { grows: true }),
  command('rpush', -3, push('right'), { grows: true }),
  command('lpop', -2, pop('left')),
  command('rpop', -2, pop('right')),
  command('lrange', 4, (context, args) => listAt(context, args)?.range(integerAt(args, 1), integerAt(args, 2)) ?? []),
  command('ltrim', 4, trim),
  command('llen', 2, (context, args) => listAt(context, args)?.size ?? 0),
];
