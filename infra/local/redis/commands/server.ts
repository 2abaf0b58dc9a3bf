import { OK, RedisError, type Reply, StatusReply } from '../protocol/reply.ts';
import { keywordAt, textAt } from './arguments.ts';
import { type CommandContext, type CommandDescription, command } from './command.ts';
import { SERVER_VERSION } from './connection.ts';
import { globMatcher } from './glob.ts';

function sections({ server, keyspace }: CommandContext): Record<string, Record<string, string | number>> {
  return {
    Server: {
      redis_version: SERVER_VERSION,
      redis_mode: 'standalone',
      process_id: process.pid,
      tcp_port: server.port,
      uptime_in_seconds: Math.floor((Date.now() - server.startedAt) / 1000),
    },
    Clients: { connected_clients: server.sessions.size },
    Memory: {
      used_memory: keyspace.usedBytes,
      maxmemory: Number.isFinite(keyspace.maxBytes) ? keyspace.maxBytes : 0,
      maxmemory_policy: 'volatile-lru',
    },
    Persistence: { loading: 0 },
    Stats: {
      total_commands_processed: server.commandsProcessed,
      expired_keys: keyspace.expired,
      evicted_keys: keyspace.evicted,
    },
    Replication: { role: 'master', connected_slaves: 0 },
    Cluster: { cluster_enabled: 0 },
    Keyspace: keyspace.size > 0 ? { db0: `keys=${keyspace.size},expires=${keyspace.volatileSize},avg_ttl=0` } : {},
  };
}

function info(context: CommandContext, args: readonly Buffer[]): Reply {
  const wanted = new Set(args.map((section) => section.toString().toLowerCase()));
  const everything = wanted.size === 0 || ['all', 'default', 'everything'].some((word) => wanted.has(word));
  return Object.entries(sections(context))
    .filter(([name]) => everything || wanted.has(name.toLowerCase()))
    .map(
      ([name, facts]) =>
        `# ${name}\r\n${Object.entries(facts)
          .map(([key, value]) => `${key}:${value}\r\n`)
          .join('')}`,
    )
    .join('\r\n');
}

function config({ keyspace }: CommandContext, args: readonly Buffer[]): Reply {
  if (keywordAt(args, 0) !== 'GET') {
    throw new RedisError(`ERR unknown subcommand '${textAt(args, 0)}'. Try CONFIG HELP.`);
  }
  const settings: Record<string, string> = {
    maxmemory: Number.isFinite(keyspace.maxBytes) ? String(keyspace.maxBytes) : '0',
    'maxmemory-policy': 'volatile-lru',
    appendonly: 'no',
    save: '',
    databases: '1',
  };
  const matchers = args.slice(1).map((pattern) => globMatcher(pattern.toString('latin1').toLowerCase()));
  return Object.entries(settings)
    .filter(([name]) => matchers.some((matches) => matches(name)))
    .flat();
}

function time({ keyspace }: CommandContext): Reply {
  const milliseconds = keyspace.now();
  const micros = Math.floor(((performance.timeOrigin + performance.now()) % 1) * 1000);
  return [String(Math.floor(milliseconds / 1000)), String((milliseconds % 1000) * 1000 + micros)];
}

function describeCommand({ name, arity, options }: CommandDescription): Reply {
  const flags = [options.grows ? 'denyoom' : undefined, options.noScript ? 'noscript' : undefined];
  return [name, arity, flags.filter((flag) => flag !== undefined).map((flag) => new StatusReply(flag)), 0, 0, 0];
}

function describeCommands({ server }: CommandContext, args: readonly Buffer[]): Reply {
  const commands = server.describeCommands();
  const word = args.length === 0 ? '' : keywordAt(args, 0);
  if (word === 'COUNT') return commands.length;
  if (word === 'DOCS') return [];
  const wanted = new Set(args.slice(1).map((name) => name.toString().toLowerCase()));
  return commands.filter(({ name }) => wanted.size === 0 || wanted.has(name)).map(describeCommand);
}

function flush({ keyspace }: CommandContext): Reply {
  keyspace.clear();
  return OK;
}

export const serverCommands = [
  command('info', -1, info),
  command('config', -2, config, { noScript: true }),
  command('command', -1, describeCommands),
  command('time', 1, time),
  command('dbsize', 1, ({ keyspace }) => keyspace.size),
  command('flushall', -1, flush),
  command('flushdb', -1, flush),
];
