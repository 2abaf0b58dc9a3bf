import { ALREADY_SENT, type Reply } from '../protocol/reply.ts';
import { argument, bytesAt, bytesToBuffer } from './arguments.ts';
import { type ChannelRegistry, type CommandContext, command, type Session } from './command.ts';

const LISTENING = { noScript: true, whileSubscribed: true } as const;

/** Who listens to which channel. */
export class Channels implements ChannelRegistry {
  readonly #listeners = new Map<string, Set<Session>>();

  subscribe(channel: string, session: Session): void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(session));
    session.channels.add(channel);
  }

  unsubscribe(channel: string, session: Session): void {
    const listeners = this.#listeners.get(channel);
    listeners?.delete(session);
    if (listeners?.size === 0) this.#listeners.delete(channel);
    session.channels.delete(channel);
  }

  /** Sends to every listener; answers how many there are. */
  publish(channel: string, message: Buffer): number {
    const listeners = this.#listeners.get(channel) ?? new Set<Session>();
    for (const session of listeners) session.send(['message', bytesToBuffer(channel), message]);
    return listeners.size;
  }
}

function subscribe({ server, session }: CommandContext, args: readonly Buffer[]): Reply {
  for (const name of args) {
    server.channels.subscribe(name.toString('latin1'), session);
    session.send(['subscribe', name, session.channels.size]);
  }
  return ALREADY_SENT;
}

function unsubscribe({ server, session }: CommandContext, args: readonly Buffer[]): Reply {
  const names = args.length > 0 ? args : [...session.channels].map(bytesToBuffer);
  if (names.length === 0) session.send(['unsubscribe', null, 0]);
  for (const name of names) {
    server.channels.unsubscribe(name.toString('latin1'), session);
    session.send(['unsubscribe', name, session.channels.size]);
  }
  return ALREADY_SENT;
}

export const publishCommands = [
  command('publish', 3, ({ server }, args) => server.channels.publish(bytesAt(args, 0), argument(args, 1))),
  command('subscribe', -2, subscribe, LISTENING),
  command('unsubscribe', -1, unsubscribe, LISTENING),
];
