import type { Reply } from '../protocol/reply.ts';
import type { Keyspace } from '../storage/keyspace.ts';

/** What a command may see of the connection that sent it. */
export interface Session {
  readonly id: number;
  readonly address: string;
  name: string;
  library: { name: string; version: string };
  authenticated: boolean;
  readonly channels: Set<string>;
  /** Writes a message outside the order of replies: pub/sub. */
  send(reply: Reply): void;
  /** Ends the connection when the pending replies are written. */
  quit(): void;
  /** Back to the state of a new connection. */
  reset(): void;
  readonly transaction: Transaction;
}

/** State of MULTI and WATCH; the dispatcher queues, the commands of transactions.ts decide. */
export interface Transaction {
  queue: Buffer[][] | undefined;
  /** A command was refused while queueing: EXEC must answer EXECABORT. */
  broken: boolean;
  /** A watched key has changed. */
  stale: boolean;
  watched: Map<string, () => void>;
}

export interface Server {
  readonly keyspace: Keyspace;
  readonly password: string | undefined;
  readonly startedAt: number;
  readonly port: number;
  readonly sessions: ReadonlySet<Session>;
  readonly channels: ChannelRegistry;
  readonly scripts: ScriptRunner;
  commandsProcessed: number;
  /** Runs one command outside the connection's order: scripts and EXEC. Errors are returned, never thrown. */
  execute(session: Session, args: Buffer[], caller: 'script' | 'transaction'): Reply;
  describeCommands(): readonly CommandDescription[];
}

export interface ChannelRegistry {
  subscribe(channel: string, session: Session): void;
  unsubscribe(channel: string, session: Session): void;
  publish(channel: string, message: Buffer): number;
}

export interface ScriptRunner {
  /** Compiles and remembers; answers the SHA-1. Throws RedisError when it does not compile. */
  load(source: Buffer): string;
  exists(sha: string): boolean;
  flush(): void;
  run(sha: string, keys: Buffer[], args: Buffer[], call: (args: Buffer[]) => Reply): Reply;
}

export interface CommandContext {
  readonly server: Server;
  readonly keyspace: Keyspace;
  readonly session: Session;
}

export interface CommandOptions {
  /** May need memory: refused with OOM when nothing can be evicted. */
  readonly grows?: true;
  /** Not from scripts. */
  readonly noScript?: true;
  /** Runs before authentication. */
  readonly noAuth?: true;
  /** Runs at once, even while MULTI queues. */
  readonly immediate?: true;
  /** Allowed on a connection that listens to channels. */
  readonly whileSubscribed?: true;
}

export interface CommandDescription {
  readonly name: string;
  /** As Redis counts: with the name; negative means at least. */
  readonly arity: number;
  readonly options: CommandOptions;
}

export interface Command extends CommandDescription {
  /** The arguments come without the command's name. */
  run(context: CommandContext, args: readonly Buffer[]): Reply;
}

export function command(name: string, arity: number, run: Command['run'], options: CommandOptions = {}): Command {
  return { name, arity, options, run };
}
