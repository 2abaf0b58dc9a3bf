import { NULL_ARRAY, OK, RedisError, type Reply } from '../protocol/reply.ts';
import { type CommandContext, command, type Session } from './command.ts';

const IMMEDIATE = { immediate: true, noScript: true } as const;

/** Forgets watched keys and the queue; also what happens to a connection that goes away. */
export function endTransaction({
  keyspace,
  session,
}: {
  keyspace: CommandContext['keyspace'];
  session: Session;
}): void {
  const { transaction } = session;
  for (const [key, watcher] of transaction.watched) keyspace.unwatch(key, watcher);
  transaction.watched.clear();
  transaction.queue = undefined;
  transaction.broken = false;
  transaction.stale = false;
}

function begin({ session }: CommandContext): Reply {
  if (session.transaction.queue) throw new RedisError('ERR MULTI calls can not be nested');
  session.transaction.queue = [];
  return OK;
}

function watch({ keyspace, session }: CommandContext, args: readonly Buffer[]): Reply {
  const { transaction } = session;
  if (transaction.queue) throw new RedisError('ERR WATCH inside MULTI is not allowed');
  for (const argument of args) {
    const key = argument.toString('latin1');
    if (transaction.watched.has(key)) continue;
    const watcher = () => {
      transaction.stale = true;
    };
    transaction.watched.set(key, watcher);
    keyspace.watch(key, watcher);
  }
  return OK;
}

function execute(context: CommandContext): Reply {
  const { server, session, keyspace } = context;
  const { queue, broken } = session.transaction;
  if (!queue) throw new RedisError('ERR EXEC without MULTI');
  // A watched key that has expired since is a change as well: looking at it makes the keyspace notice.
  for (const key of session.transaction.watched.keys()) keyspace.get(key);
  const { stale } = session.transaction;
  endTransaction(context);
  if (broken) throw new RedisError('EXECABORT Transaction discarded because of previous errors.');
  if (stale) return NULL_ARRAY;
  return keyspace.withFrozenClock(() => queue.map((args) => server.execute(session, args, 'transaction')));
}

export const transactionCommands = [
  command('multi', 1, begin, IMMEDIATE),
  command('exec', 1, execute, IMMEDIATE),
  command(
    'discard',
    1,
    (context) => {
      if (!context.session.transaction.queue) throw new RedisError('ERR DISCARD without MULTI');
      endTransaction(context);
      return OK;
    },
    IMMEDIATE,
  ),
  command('watch', -2, watch, IMMEDIATE),
  command(
    'unwatch',
    1,
    (context) => {
      const { transaction } = context.session;
      for (const [key, watcher] of transaction.watched) context.keyspace.unwatch(key, watcher);
      transaction.watched.clear();
      transaction.stale = false;
      return OK;
    },
    { noScript: true },
  ),
];
