import type { Command, CommandContext, Session } from './commands/command.ts';
import { commandTable } from './commands/index.ts';
import { QUEUED, RedisError, type Reply } from './protocol/reply.ts';

function unknownCommand(args: readonly Buffer[]): RedisError {
  const name = args[0]?.toString().slice(0, 128);
  const shown = args.slice(1, 20).map((argument) => `'${argument.toString().slice(0, 128)}' `);
  return new RedisError(`ERR unknown command '${name}', with args beginning with: ${shown.join('')}`);
}

/** Finds the command and checks the number of its arguments; throws what Redis answers. */
function lookUp(args: readonly Buffer[]): Command {
  const command = commandTable.get(nameOf(args));
  if (!command) throw unknownCommand(args);
  const { arity, name } = command;
  if (arity < 0 ? args.length < -arity : args.length !== arity) {
    throw new RedisError(`ERR wrong number of arguments for '${name}' command`);
  }
  return command;
}

/** Redis words these two differently when a script makes the mistake. */
function lookUpForScript(args: readonly Buffer[]): Command {
  const known = commandTable.has(nameOf(args));
  if (!known) throw new RedisError('ERR Unknown Redis command called from script');
  try {
    return lookUp(args);
  } catch {
    throw new RedisError('ERR Wrong number of args calling Redis command from script');
  }
}

function nameOf(args: readonly Buffer[]): string {
  return args[0]?.toString('latin1').toLowerCase() ?? '';
}

function asReply(run: () => Reply): Reply {
  try {
    return run();
  } catch (error) {
    if (error instanceof RedisError) return error;
    throw error;
  }
}

function runCommand(command: Command, context: CommandContext, args: readonly Buffer[]): Reply {
  if (command.options.grows) context.keyspace.makeRoom();
  context.server.commandsProcessed += 1;
  return command.run(context, args.slice(1));
}

function refuse(command: Command, { session }: CommandContext): void {
  if (!session.authenticated && !command.options.noAuth) throw new RedisError('NOAUTH Authentication required.');
  if (session.channels.size > 0 && !command.options.whileSubscribed) {
    throw new RedisError(
      `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    );
  }
}

/** Answers one request of a connection: runs it, or queues it behind MULTI. */
export function dispatch(context: CommandContext, args: Buffer[]): Reply {
  const { transaction } = context.session;
  return asReply(() => {
    try {
      const command = lookUp(args);
      refuse(command, context);
      if (!transaction.queue || command.options.immediate) return runCommand(command, context, args);
      if (command.options.grows) context.keyspace.makeRoom();
    } catch (error) {
      if (transaction.queue && isQueueable(args)) transaction.broken = true;
      throw error;
    }
    transaction.queue.push(args);
    return QUEUED;
  });
}

/** An error of EXEC, WATCH or a nested MULTI does not spoil the transaction; one of a command to be queued does. */
function isQueueable(args: readonly Buffer[]): boolean {
  return !commandTable.get(nameOf(args))?.options.immediate;
}

/** Runs a command for EXEC or a script. */
export function execute(context: CommandContext, args: Buffer[], caller: 'script' | 'transaction'): Reply {
  return asReply(() => {
    const command = caller === 'script' ? lookUpForScript(args) : lookUp(args);
    if (caller === 'script' && command.options.noScript) {
      throw new RedisError('ERR This Redis command is not allowed from script');
    }
    return runCommand(command, context, args);
  });
}

export function newTransaction(): Session['transaction'] {
  return { queue: undefined, broken: false, stale: false, watched: new Map() };
}
