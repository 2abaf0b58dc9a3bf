import { randomUUID } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { Clock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import type { LocalQueue } from './queue.ts';

/** A move of a dead-letter queue's messages, as ListMessageMoveTasks shows it. */
interface MoveTask {
  readonly handle: string;
  readonly source: LocalQueue;
  readonly destinationArn?: string;
  readonly perSecond: number;
  readonly startedAt: number;
  readonly toMove: number;
  status: 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';
  moved: number;
  failure?: string;
}

/** Redrive of dead-letter queues. Tasks live in memory: after a restart what was not moved yet is still in the source. */
export interface MoveTasks {
  /** Without a destination each message goes back to the queue that it came from. Gives the task's handle. */
  start(source: LocalQueue, destinationArn?: string, perSecond?: number): string;
  /** Gives how many messages were moved by then. */
  cancel(handle: string): number;
  /** Newest first, at most `maximum`. */
  list(source: LocalQueue, maximum: number): object[];
  /** Stops all tasks. */
  close(): void;
}

/** Moved in one go, so that other work gets its turn. */
const SLICE = 100;

/** Runs redrive tasks over the queues that `queueOf` finds. */
export function createMoveTasks(queueOf: (arn: string) => LocalQueue | undefined, clock: Clock, log: Log): MoveTasks {
  const tasks: MoveTask[] = [];

  function moveOne(task: MoveTask, sequence: number): void {
    const message = task.source.peek(sequence);
    if (message === undefined) return;
    const targetArn = task.destinationArn ?? message.source_queue ?? undefined;
    const target = targetArn === undefined ? undefined : queueOf(targetArn);
    if (target === undefined) throw new Error(`The destination of message ${message.message_id} does not exist`);
    // First the copy, then the removal: a crash in between doubles a message instead of losing it.
    target.send({
      body: message.body,
      attributes: JSON.parse(message.attributes),
      sender: message.sender,
      ...(message.group_id === null ? {} : { groupId: message.group_id }),
      ...(message.trace_header === null ? {} : { traceHeader: message.trace_header }),
    });
    task.source.withdraw(sequence);
    task.moved += 1;
  }

  function run(task: MoveTask, sequences: readonly number[]): void {
    if (task.status === 'CANCELLING') task.status = 'CANCELLED';
    if (task.status !== 'RUNNING') return;
    const slice = sequences.slice(0, Math.min(SLICE, task.perSecond));
    try {
      for (const sequence of slice) moveOne(task, sequence);
    } catch (error) {
      task.status = 'FAILED';
      task.failure = error instanceof Error ? error.message : String(error);
      log(`Moving messages out of ${task.source.settings.name} failed`, { reason: task.failure });
      return;
    }
    const rest = sequences.slice(slice.length);
    if (rest.length === 0) task.status = 'COMPLETED';
    else clock.after((slice.length * 1000) / task.perSecond, () => run(task, rest));
  }

  return {
    start(source, destinationArn, perSecond = 500) {
      if (tasks.some((task) => task.source === source && task.status === 'RUNNING')) {
        throw new AwsError(
          'UnsupportedOperation',
          'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
        );
      }
      const sequences = source.readableSequences();
      const task: MoveTask = {
        handle: Buffer.from(JSON.stringify({ taskId: randomUUID(), sourceArn: source.arn })).toString('base64'),
        source,
        ...(destinationArn === undefined ? {} : { destinationArn }),
        perSecond,
        startedAt: clock.now(),
        toMove: sequences.length,
        status: 'RUNNING',
        moved: 0,
      };
      tasks.unshift(task);
      run(task, sequences);
      return task.handle;
    },
    cancel(handle) {
      const task = tasks.find((known) => known.handle === handle);
      if (task === undefined) throw new AwsError('ResourceNotFoundException', 'Task does not exist.', 404);
      if (task.status !== 'RUNNING') throw new AwsError('UnsupportedOperation', 'Only active tasks can be cancelled.');
      task.status = 'CANCELLING';
      return task.moved;
    },
    list: (source, maximum) =>
      tasks
        .filter((task) => task.source === source)
        .slice(0, maximum)
        .map(describe),
    close() {
      for (const task of tasks) if (task.status === 'RUNNING') task.status = 'CANCELLING';
    },
  };
}

function describe(task: MoveTask): object {
  return {
    ...(task.status === 'RUNNING' ? { TaskHandle: task.handle } : {}),
    Status: task.status,
    SourceArn: task.source.arn,
    ...(task.destinationArn === undefined ? {} : { DestinationArn: task.destinationArn }),
    MaxNumberOfMessagesPerSecond: task.perSecond,
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    StartedTimestamp: task.startedAt,
    ...(task.failure === undefined ? {} : { FailureReason: task.failure }),
  };
}
