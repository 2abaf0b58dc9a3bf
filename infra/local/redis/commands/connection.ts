import { timingSafeEqual } from 'node:crypto';
import { OK, PONG, RedisError, type Reply, StatusReply, syntaxError } from '../protocol/reply.ts';
import { argument, bytesAt, integerAt, keywordAt, textAt } from './arguments.ts';
import { type CommandContext, type CommandOptions, command } from './command.ts';

const BEFORE_LOGIN: CommandOptions = { noAuth: true, noScript: true };
const NO_SCRIPT: CommandOptions = { noScript: true };
/** What INFO, HELLO and LOLWUT-like probes are told: the oldest version that knows all commands here. */
export const SERVER_VERSION = '7.2.0';

function login({ server, session }: CommandContext, user: string, password: Buffer): void {
  const expected = Buffer.from(server.password ?? '');
  const right = password.length === expected.length && timingSafeEqual(password, expected);
  // Without a password the default user is `nopass`: any password opens it.
  if (user !== 'default' || (server.password !== undefined && !right)) {
    throw new RedisError('WRONGPASS invalid username-password pair or user is disabled.');
  }
  session.authenticated = true;
}

function auth(context: CommandContext, args: readonly Buffer[]): Reply {
  if (args.length > 2) throw syntaxError();
  if (args.length === 1 && context.server.password === undefined) {
    throw new RedisError(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
  }
  login(context, args.length === 2 ? textAt(args, 0) : 'default', argument(args, args.length - 1));
  return OK;
}

/** Only RESP2: clients that ask for 3 are told so and fall back. */
function hello(context: CommandContext, args: readonly Buffer[]): Reply {
  if (args.length > 0 && bytesAt(args, 0) !== '2') throw new RedisError('NOPROTO unsupported protocol version');
  for (let position = 1; position < args.length; ) {
    const word = keywordAt(args, position);
    if (word === 'AUTH') {
      login(context, textAt(args, position + 1), argument(args, position + 2));
      position += 3;
    } else if (word === 'SETNAME') {
      context.session.name = connectionName(textAt(args, position + 1));
      position += 2;
    } else throw syntaxError();
  }
  if (!context.session.authenticated) {
    throw new RedisError(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
  }
  const facts = { server: 'redis', version: SERVER_VERSION, proto: 2, id: context.session.id, mode: 'standalone' };
  return [...Object.entries(facts).flat(), 'role', 'master', 'modules', []];
}

function connectionName(name: string): string {
  if (/[^!-~]/.test(name)) {
    throw new RedisError('ERR Client names cannot contain spaces, newlines or special characters.');
  }
  return name;
}

function describe({ id, address, name, library }: CommandContext['session']): string {
  return `id=${id} addr=${address} name=${name} db=0 resp=2 lib-name=${library.name} lib-ver=${library.version}`;
}

function setInfo({ session }: CommandContext, args: readonly Buffer[]): Reply {
  const attribute = keywordAt(args, 1);
  const value = connectionName(textAt(args, 2));
  if (attribute === 'LIB-NAME') session.library.name = value;
  else if (attribute === 'LIB-VER') session.library.version = value;
  else throw new RedisError(`ERR Unrecognized option '${textAt(args, 1)}'`);
  return OK;
}

function client(context: CommandContext, args: readonly Buffer[]): Reply {
  const { session, server } = context;
  switch (keywordAt(args, 0)) {
    case 'SETINFO':
      return setInfo(context, args);
    case 'SETNAME':
      session.name = connectionName(textAt(args, 1));
      return OK;
    case 'GETNAME':
      return session.name === '' ? null : session.name;
    case 'ID':
      return session.id;
    case 'INFO':
      return `${describe(session)}\n`;
    case 'LIST':
      return [...server.sessions].map((each) => `${describe(each)}\n`).join('');
    default:
      throw new RedisError(`ERR unknown subcommand '${textAt(args, 0)}'. Try CLIENT HELP.`);
  }
}

function ping({ session }: CommandContext, args: readonly Buffer[]): Reply {
  if (args.length > 1) throw new RedisError("ERR wrong number of arguments for 'ping' command");
  if (session.channels.size > 0) return ['pong', args[0] ?? ''];
  return args[0] ?? PONG;
}

export const connectionCommands = [
  command('auth', -2, auth, BEFORE_LOGIN),
  command('hello', -1, hello, BEFORE_LOGIN),
  command('client', -2, client, NO_SCRIPT),
  command('ping', -1, ping, { whileSubscribed: true }),
  command('echo', 2, (_, args) => argument(args, 0)),
  command('select', 2, (_, args) => {
    if (integerAt(args, 0) !== 0) throw new RedisError('ERR DB index is out of range');
    return OK;
  }),
  command(
    'quit',
    -1,
    ({ session }) => {
      session.quit();
      return OK;
    },
    { noAuth: true, noScript: true, immediate: true, whileSubscribed: true },
  ),
  command(
    'reset',
    1,
    ({ session }) => {
      session.reset();
      return new StatusReply('RESET');
    },
    { noAuth: true, noScript: true, immediate: true, whileSubscribed: true },
  ),
];
