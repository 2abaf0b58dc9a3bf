import { OK, RedisError, type Reply } from '../protocol/reply.ts';
import { argument, bytesAt, integerAt, keywordAt, textAt } from './arguments.ts';
import { type CommandContext, command } from './command.ts';

const NO_SCRIPT = { noScript: true } as const;

function run(context: CommandContext, sha: string, args: readonly Buffer[]): Reply {
  const { server, session, keyspace } = context;
  const keyCount = integerAt(args, 1);
  if (keyCount < 0) throw new RedisError("ERR Number of keys can't be negative");
  if (keyCount > args.length - 2) throw new RedisError("ERR Number of keys can't be greater than number of args");
  const keys = args.slice(2, 2 + keyCount);
  const rest = args.slice(2 + keyCount);
  return keyspace.withFrozenClock(() =>
    server.scripts.run(sha, keys, rest, (call) => server.execute(session, call, 'script')),
  );
}

function runLoaded(context: CommandContext, args: readonly Buffer[]): Reply {
  const sha = bytesAt(args, 0).toLowerCase();
  if (!context.server.scripts.exists(sha)) throw new RedisError('NOSCRIPT No matching script. Please use EVAL.');
  return run(context, sha, args);
}

function script({ server }: CommandContext, args: readonly Buffer[]): Reply {
  switch (keywordAt(args, 0)) {
    case 'LOAD':
      return server.scripts.load(argument(args, 1));
    case 'EXISTS':
      return args.slice(1).map((sha) => (server.scripts.exists(sha.toString('latin1').toLowerCase()) ? 1 : 0));
    case 'FLUSH':
      server.scripts.flush();
      return OK;
    default:
      throw new RedisError(`ERR unknown subcommand '${textAt(args, 0)}'. Try SCRIPT HELP.`);
  }
}

export const scriptingCommands = [
  command('eval', -3, (context, args) => run(context, context.server.scripts.load(argument(args, 0)), args), NO_SCRIPT),
  command('evalsha', -3, runLoaded, NO_SCRIPT),
  command('script', -2, script, NO_SCRIPT),
];
