import type { ServerSentEvent } from './event-stream.ts';

const pingMilliseconds = 15_000;

/**
 * Events from a producer to a reader. The producer continues when nobody reads: work that was started is finished and recorded
 * whether or not the client is still connected.
 */
export class EventQueue {
  private readonly waiting: ServerSentEvent[] = [];
  private wake: () => void = () => {};
  private closed = false;

  push(event: ServerSentEvent): void {
    this.waiting.push(event);
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  /** Every event in order, and a ping where none came for 15 s, until the queue is closed. */
  async *read(): AsyncGenerator<ServerSentEvent> {
    for (;;) {
      const event = this.waiting.shift();
      if (event) yield event;
      else if (this.closed) return;
      else if (!(await this.nextWithin(pingMilliseconds))) yield { comment: 'ping' };
    }
  }

  private nextWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
