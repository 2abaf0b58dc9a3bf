import { type Clock, systemClock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import type { Authorizer, Principal } from '../iam/authorizer.ts';
import { failuresOf } from './batch-response.ts';
import {
  LARGEST_PAYLOAD,
  type LambdaEvent,
  type LambdaRecord,
  sizeOfRecord,
  toEvents,
  toRecord,
} from './lambda-event.ts';
import { requireAction, requireKey } from './permissions.ts';
import type { LocalQueue } from './queue.ts';

export interface EventSourceMappingOptions {
  readonly queue: LocalQueue;
  /** 1 to 10; more only together with a window. */
  readonly batchSize?: number;
  /** How long a batch is gathered after its first message. */
  readonly batchingWindowSeconds?: number;
  /** Invocations at once; 1,000 unless told. Should not exceed what the function can run, or the rest waits hidden. */
  readonly maximumConcurrency?: number | null;
  readonly reportBatchItemFailures?: boolean;
  /**
   * Runs the function; resolves with what it returned, rejects when it failed or timed out. An error named
   * `TooManyRequestsException` means that it was throttled.
   */
  readonly invoke: (event: LambdaEvent) => Promise<unknown>;
  readonly log: Log;
  readonly clock?: Clock;
  /** The function's role: Lambda polls with its rights. */
  readonly role?: { readonly authorizer: Authorizer; readonly principal: Principal };
}

/** What a mapping has done. */
export interface MappingTotals {
  invocations: number;
  /** Invocations that ended in an error or a timeout. */
  failures: number;
  throttles: number;
  /** Messages that stayed in the queue by a partial batch response. */
  reportedFailures: number;
}

export interface EventSourceMapping {
  readonly totals: Readonly<MappingTotals>;
  /** Takes nothing more from the queue and resolves when what runs has ended. */
  stop(): Promise<void>;
  /** Takes up again after `stop`. */
  start(): void;
}

/** Lambda starts with five pollers and adds up to 300 a minute while there is a backlog. */
const FIRST_POLLERS = 5;
const MORE_POLLERS = 5;
const SCALE_INTERVAL = 1000;
const SHORTEST_BACKOFF = 1000;
const LONGEST_BACKOFF = 30_000;

/** Feeds a function from a queue until stopped. Throws when the role may not read the queue. */
export function startEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  checkRole(options);
  const pollers = new Pollers(options);
  pollers.start();
  return { totals: pollers.totals, stop: () => pollers.stop(), start: () => pollers.start() };
}

function checkRole({ role, queue }: EventSourceMappingOptions): void {
  if (role === undefined) return;
  for (const action of ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']) {
    requireAction(role.authorizer, role.principal, action, queue.arn);
  }
  requireKey(role.authorizer, role.principal, queue.settings, 'receive');
}

/** Each poller is a loop: receive, gather, invoke, delete. Idle ones wait in the queue's line and cost nothing. */
class Pollers {
  readonly totals: MappingTotals = { invocations: 0, failures: 0, throttles: 0, reportedFailures: 0 };
  readonly #options: EventSourceMappingOptions;
  readonly #clock: Clock;
  #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #maximum: number;
  #waiting = 0;
  #backoff = 0;
  #cancelScaling: (() => void) | undefined;

  constructor(options: EventSourceMappingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maximum = options.maximumConcurrency ?? 1000;
  }

  start(): void {
    if (this.#stopped.signal.aborted) this.#stopped = new AbortController();
    this.#grow(FIRST_POLLERS);
  }

  #grow(count: number): void {
    for (let added = 0; added < count && this.#running.size < this.#maximum; added += 1) {
      const loop: Promise<void> = this.#poll().finally(() => this.#running.delete(loop));
      this.#running.add(loop);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancelScaling?.();
    this.#cancelScaling = undefined;
    await Promise.all(this.#running);
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const batch = await this.#gather();
        this.#scale();
        for (const event of toEvents(batch)) await this.#run(event);
      } catch (error) {
        this.#options.log('An event source mapping could not read its queue', { reason: reasonOf(error) });
        await this.#pause(SHORTEST_BACKOFF);
      }
      if (this.#backoff > 0) await this.#pause(this.#backoff);
      // The pollers that a backlog called for go when it is gone.
      if (this.#waiting >= FIRST_POLLERS) return;
    }
  }

  /** Waits for a message, then for more until the batch is full, the window over or the payload large enough. */
  async #gather(): Promise<LambdaRecord[]> {
    const { queue, batchSize = 10, batchingWindowSeconds = 0 } = this.#options;
    const { signal } = this.#stopped;
    this.#waiting += 1;
    const first = await queue
      .receive({ maximum: Math.min(10, batchSize), waitSeconds: Number.POSITIVE_INFINITY, signal })
      .finally(() => {
        this.#waiting -= 1;
      });
    const records = first.map(toRecord);
    const end = this.#clock.now() + batchingWindowSeconds * 1000;
    let bytes = records.reduce((sum, record) => sum + sizeOfRecord(record), 0);
    while (records.length > 0 && records.length < batchSize && bytes < LARGEST_PAYLOAD && !signal.aborted) {
      const left = end - this.#clock.now();
      if (left <= 0) break;
      const maximum = Math.min(10, batchSize - records.length);
      const more = (await queue.receive({ maximum, waitSeconds: left / 1000, signal })).map(toRecord);
      records.push(...more);
      bytes += more.reduce((sum, record) => sum + sizeOfRecord(record), 0);
    }
    return records;
  }

  /** Invokes and deletes what succeeded. All else stays hidden until its visibility timeout, and its receive counts. */
  async #run(event: LambdaEvent): Promise<void> {
    const { invoke, queue, reportBatchItemFailures = false, log } = this.#options;
    const ids = event.Records.map(({ messageId }) => messageId);
    this.totals.invocations += 1;
    try {
      const result = await invoke(event);
      this.#backoff = 0;
      const failed = reportBatchItemFailures ? failuresOf(result, ids) : new Set<string>();
      this.totals.reportedFailures += failed.size;
      for (const { messageId, receiptHandle } of event.Records) if (!failed.has(messageId)) queue.delete(receiptHandle);
    } catch (error) {
      if (error instanceof Error && error.name === 'TooManyRequestsException') {
        this.totals.throttles += 1;
        this.#backoff = Math.min(LONGEST_BACKOFF, Math.max(SHORTEST_BACKOFF, this.#backoff * 2));
      } else {
        this.totals.failures += 1;
      }
      log(`A batch of ${ids.length} from ${queue.settings.name} failed`, { reason: reasonOf(error), messageIds: ids });
    }
  }

  /** Adds pollers once a second while every one is busy and messages wait. */
  #scale(): void {
    if (this.#cancelScaling !== undefined || this.#running.size >= this.#maximum) return;
    this.#cancelScaling = this.#clock.after(SCALE_INTERVAL, () => {
      this.#cancelScaling = undefined;
      if (this.#stopped.signal.aborted || this.#waiting > 0) return;
      if (this.#options.queue.counts().visible > 0) this.#grow(MORE_POLLERS);
      this.#scale();
    });
  }

  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = this.#clock.after(milliseconds, () => {
        signal.removeEventListener('abort', end);
        resolve();
      });
      const end = (): void => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
