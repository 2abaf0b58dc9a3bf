import { stringAt } from './protocol-messages.ts';

/** Who can be told of a notification. */
export interface Listener {
  /** Takes a NotificationResponse as it goes over the wire. */
  notify(message: Buffer): void;
}

/** Which connection listens to which channel. The backend listens to the union of them. */
export class NotificationHub {
  readonly #listeners = new Map<string, Set<Listener>>();

  subscribe(listener: Listener, channel: string): void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
  }

  /** Ends one subscription, or all of a listener's with `*`. Gives the channels that nobody listens to any more. */
  unsubscribe(listener: Listener, channel: string): string[] {
    const channels = channel === '*' ? [...this.#listeners.keys()] : [channel];
    return channels.filter((name) => {
      const listeners = this.#listeners.get(name);
      if (!listeners?.delete(listener) || listeners.size > 0) return false;
      return this.#listeners.delete(name);
    });
  }

  /** Every channel that somebody listens to. */
  get channels(): string[] {
    return [...this.#listeners.keys()];
  }

  /** Hands a NotificationResponse to its listeners, as coming from `processId`. */
  deliver(message: Buffer, processId: number): void {
    const copy = Buffer.from(message);
    copy.writeInt32BE(processId, 5);
    for (const listener of this.#listeners.get(stringAt(message, 9)) ?? []) listener.notify(copy);
  }
}
