import type { Reply } from '../protocol/reply.ts';
import { SetValue } from '../storage/values.ts';
import { bytesAt, bytesToBuffer } from './arguments.ts';
import { type CommandContext, command } from './command.ts';

function setAt({ keyspace }: CommandContext, args: readonly Buffer[]): SetValue | undefined {
  return keyspace.getTyped(bytesAt(args, 0), 'set');
}

function add(context: CommandContext, args: readonly Buffer[]): Reply {
  const key = bytesAt(args, 0);
  const existing = setAt(context, args);
  const set = existing ?? new SetValue();
  const added = args.slice(1).filter((member) => set.add(member.toString('latin1'))).length;
  if (!existing) context.keyspace.set(key, set);
  else if (added > 0) context.keyspace.changed(key);
  return added;
}

function remove(context: CommandContext, args: readonly Buffer[]): Reply {
  const set = setAt(context, args);
  const removed = args.slice(1).filter((member) => set?.delete(member.toString('latin1'))).length;
  if (removed > 0) context.keyspace.changed(bytesAt(args, 0));
  return removed;
}

export const setCommands = [
  command('sadd', -3, add, { grows: true }),
  command('srem', -3, remove),
  command('smembers', 2, (context, args) => [...(setAt(context, args)?.members() ?? [])].map(bytesToBuffer)),
  command('sismember', 3, (context, args) => (setAt(context, args)?.has(bytesAt(args, 1)) ? 1 : 0)),
  command('scard', 2, (context, args) => setAt(context, args)?.size ?? 0),
];
