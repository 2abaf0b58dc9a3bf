import { randomUUID } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { Clock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import { duplicateTimes, type Faults, strikes } from './faults.ts';
import type { OutgoingMessage, ReceivedMessage, ReceiveOptions } from './message.ts';
import { type Counts, type Entry, MessageIndex } from './message-index.ts';
import type { MessageStore, StoredMessage } from './message-store.ts';
import type { QueueSettings } from './queue-settings.ts';
import { formatReceipt, parseReceipt } from './receipt.ts';
import { ReceiveLine } from './receive-line.ts';

/** What happened to a queue since it was opened. */
export interface Totals {
  sent: number;
  received: number;
  deleted: number;
  movedToDeadLetters: number;
}

/** What a queue needs of its server. */
export interface QueueSurroundings {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly faults: () => Faults;
  readonly queueOf: (arn: string) => LocalQueue | undefined;
}

/** A receive may hide a message for twelve hours in all. */
const LONGEST_HIDING = 12 * 3600_000;
/** Above this many hidden messages a receive is refused. */
const MOST_IN_FLIGHT = 120_000;
const EXPIRY_INTERVAL = 60_000;

/** One standard queue: at least once, in no promised order, fair between groups. The database is written before the index. */
export class LocalQueue {
  readonly totals: Totals = { sent: 0, received: 0, deleted: 0, movedToDeadLetters: 0 };
  settings: QueueSettings;
  readonly #around: QueueSurroundings;
  readonly #index = new MessageIndex();
  readonly #line: ReceiveLine<ReceivedMessage>;
  #expiredAt = 0;

  constructor(settings: QueueSettings, around: QueueSurroundings) {
    this.settings = settings;
    this.#around = around;
    this.#line = new ReceiveLine(around.clock, {
      take: (options) => this.#take(options),
      nextDue: () => this.#index.nextDue(),
    });
    for (const head of around.store.heads(settings.arn)) this.#index.add(head, around.clock.now());
  }

  get arn(): string {
    return this.settings.arn;
  }

  /** Stores a message and gives its id. */
  send(message: OutgoingMessage): { messageId: string } {
    const { clock, faults } = this.#around;
    const delay = (message.delaySeconds ?? this.settings.delaySeconds) * 1000;
    const messageId = randomUUID();
    for (const visibleAt of [clock.now() + delay, ...duplicateTimes(faults(), clock).map((at) => at + delay)]) {
      this.#insert(message, messageId, visibleAt);
    }
    this.totals.sent += 1;
    this.#line.serve();
    return { messageId };
  }

  #insert(message: OutgoingMessage, messageId: string, visibleAt: number): void {
    const { store, clock } = this.#around;
    const now = clock.now();
    const row = {
      queue: this.arn,
      message_id: messageId,
      body: message.body,
      attributes: JSON.stringify(message.attributes ?? {}),
      group_id: message.groupId ?? null,
      trace_header: message.traceHeader ?? null,
      sender: message.sender,
      sent_at: now,
      visible_at: visibleAt,
    };
    this.#index.add({ ...row, sequence: store.insert(row), in_flight: 0, receive_count: 0 }, now);
  }

  /** Gives up to `maximum` messages, waiting for the first one up to `waitSeconds`. */
  async receive(options: ReceiveOptions = {}): Promise<ReceivedMessage[]> {
    if (this.#index.counts(this.#around.clock.now()).inFlight >= MOST_IN_FLIGHT) {
      throw new AwsError('OverLimit', `More than ${MOST_IN_FLIGHT} messages are in flight`, 403);
    }
    const waitSeconds = options.waitSeconds ?? this.settings.receiveWaitSeconds;
    const faults = this.#around.faults();
    if (waitSeconds === 0 && strikes(faults, faults.emptyReceiveProbability)) return [];
    return this.#line.wait(options, Math.round(waitSeconds * 1000));
  }

  #take({ maximum = 1, visibilityTimeout = this.settings.visibilityTimeout }: ReceiveOptions): ReceivedMessage[] {
    const { clock, faults } = this.#around;
    const now = clock.now();
    this.#expire(now);
    const taken: { readonly entry: Entry; readonly message: ReceivedMessage }[] = [];
    const visibleAt = now + visibilityTimeout * 1000;
    while (taken.length < maximum) {
      const { shuffleWindow, random } = faults();
      const entry = this.#index.next(now, shuffleWindow > 1 ? Math.floor(random() * shuffleWindow) : 0);
      if (entry === undefined) break;
      if (this.#isOld(entry, now)) this.#forget(entry);
      else if (!this.#moveToDeadLetters(entry, now)) {
        taken.push({ entry, message: this.#countReceive(entry, now, visibleAt) });
      }
    }
    // Hidden only now: with a timeout of 0 the same message would come up again in this receive.
    for (const { entry } of taken) this.#index.hide(entry, visibleAt);
    this.totals.received += taken.length;
    return taken.map(({ message }) => message);
  }

  #countReceive(entry: Entry, now: number, visibleAt: number): ReceivedMessage {
    const row = this.#around.store.receive(entry.sequence, now, visibleAt);
    entry.receiveCount = row.receive_count;
    return { ...row, receiptHandle: formatReceipt(this.settings.name, entry.sequence, row.receive_count) };
  }

  /** True when the message was received often enough and stands in the dead-letter queue now. */
  #moveToDeadLetters(entry: Entry, now: number): boolean {
    const { redrivePolicy, name } = this.settings;
    if (redrivePolicy === undefined || entry.receiveCount < redrivePolicy.maxReceiveCount) return false;
    const target = this.#around.queueOf(redrivePolicy.deadLetterTargetArn);
    if (target === undefined) {
      this.#around.log(`Queue ${name}: its dead-letter queue does not exist`, { ...redrivePolicy });
      return false;
    }
    this.#around.store.moveToDeadLetters(entry.sequence, target.arn, now);
    this.#index.remove(entry);
    this.totals.movedToDeadLetters += 1;
    target.adopt(entry.sequence);
    return true;
  }

  /** Takes in a message that another queue moved here in the database. */
  adopt(sequence: number): void {
    const row = this.#around.store.read(sequence);
    if (row === undefined || row.queue !== this.arn) throw new Error(`Message ${sequence} is not in ${this.arn}`);
    this.#index.add(row, this.#around.clock.now());
    this.#line.serve();
  }

  /** Deletes by the receipt of the latest receive; an older receipt is accepted and does nothing. */
  delete(receiptHandle: string): void {
    const { sequence, receiveCount } = parseReceipt(receiptHandle, this.settings.name);
    const entry = this.#index.get(sequence);
    if (entry === undefined || entry.receiveCount !== receiveCount) return;
    const faults = this.#around.faults();
    if (strikes(faults, faults.lostDeleteProbability)) return;
    this.#forget(entry);
    this.totals.deleted += 1;
  }

  /** Hides a message that is in flight until `seconds` from now; 0 gives it back at once. */
  changeVisibility(receiptHandle: string, seconds: number): void {
    const { store, clock } = this.#around;
    const { sequence, receiveCount } = parseReceipt(receiptHandle, this.settings.name);
    const now = clock.now();
    this.#index.promote(now);
    const entry = this.#index.get(sequence);
    const why = 'Message does not exist or is not available for visibility timeout change.';
    if (entry === undefined || entry.receiveCount !== receiveCount) throw invalidReceipt(receiptHandle, why);
    if (entry.state !== 'in flight')
      throw new AwsError('MessageNotInflight', 'The message referred to is not in flight.');
    const receivedAt = store.read(sequence)?.received_at ?? now;
    if (now + seconds * 1000 > receivedAt + LONGEST_HIDING) {
      throw invalidReceipt(
        receiptHandle,
        'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
      );
    }
    store.setVisibleAt(sequence, now + seconds * 1000, seconds > 0);
    if (seconds > 0) this.#index.hide(entry, now + seconds * 1000);
    else this.#index.release(entry);
    this.#line.serve();
  }

  /** Brings forward what is delayed by so much, for a test that cannot wait. No caller of the API reaches it. */
  hasten(milliseconds: number): void {
    for (const entry of this.#index.entries()) {
      if (entry.state !== 'delayed') continue;
      const visibleAt = entry.visibleAt - milliseconds;
      this.#around.store.setVisibleAt(entry.sequence, visibleAt, false);
      this.#index.delay(entry, visibleAt);
    }
    this.#line.serve();
  }

  /** Deletes every message. */
  purge(): void {
    this.#around.store.removeAll(this.arn);
    this.#index.clear();
  }

  counts(): Counts & { readonly oldestAgeSeconds: number } {
    const now = this.#around.clock.now();
    this.#expire(now);
    const oldest = this.#around.store.oldest(this.arn);
    const oldestAgeSeconds = oldest === undefined ? 0 : Math.max(0, Math.floor((now - oldest) / 1000));
    return { ...this.#index.counts(now), oldestAgeSeconds };
  }

  /** Receivable messages, for moving them elsewhere. */
  readableSequences(): number[] {
    this.#index.promote(this.#around.clock.now());
    return [...this.#index.entries()].filter(({ state }) => state === 'ready').map(({ sequence }) => sequence);
  }

  /** One receivable message; undefined when it has gone or is in flight. */
  peek(sequence: number): StoredMessage | undefined {
    return this.#index.get(sequence)?.state === 'ready' ? this.#around.store.read(sequence) : undefined;
  }

  /** Removes one receivable message. */
  withdraw(sequence: number): void {
    const entry = this.#index.get(sequence);
    if (entry?.state === 'ready') this.#forget(entry);
  }

  /** Ends all waits. */
  close(): void {
    this.#line.close();
  }

  #isOld(entry: Entry, now: number): boolean {
    return entry.sentAt <= now - this.settings.retention * 1000;
  }

  /** The clock of retention runs from the first send, also after a move to a dead-letter queue. */
  #expire(now: number): void {
    if (now - this.#expiredAt < EXPIRY_INTERVAL) return;
    this.#expiredAt = now;
    for (const sequence of this.#around.store.removeOld(this.arn, now - this.settings.retention * 1000)) {
      const entry = this.#index.get(sequence);
      if (entry !== undefined) this.#index.remove(entry);
    }
  }

  #forget(entry: Entry): void {
    this.#around.store.remove(entry.sequence);
    this.#index.remove(entry);
  }
}

function invalidReceipt(receiptHandle: string, reason: string): AwsError {
  return new AwsError(
    'InvalidParameterValue',
    `Value ${receiptHandle} for parameter ReceiptHandle is invalid. Reason: ${reason}`,
  );
}
