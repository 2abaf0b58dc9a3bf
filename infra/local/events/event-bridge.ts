import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AwsError } from '../aws/aws-error.ts';
import { type Clock, systemClock } from '../aws/clock.ts';
import { createJsonService, type JsonCall, type JsonInput, type Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import { compilePattern, type EventPattern } from './event-pattern.ts';
import { parseSchedule } from './schedule-expression.ts';

/** Where a rule sends: `deliver` gets the JSON text, which is `input` when the target has one. */
export interface RuleTarget {
  readonly input?: string | null;
  readonly deliver: (body: string) => void | Promise<void>;
}

/** A rule: fires by a schedule, by matching events, or both. */
export interface EventRule {
  readonly name: string;
  readonly arn: string;
  /** `rate(…)` or `cron(…)`. */
  readonly expression?: string | null;
  readonly eventPattern?: EventPattern | null;
  /** `default` unless told. */
  readonly eventBusName?: string;
  readonly enabled?: boolean;
  readonly targets: readonly RuleTarget[];
}

/** An event as EventBridge delivers it. */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** ISO 8601, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface EventBridgeOptions {
  readonly authorizer: Authorizer;
  readonly log: Log;
  readonly clock?: Clock;
  readonly region?: string;
  readonly accountId?: string;
}

/** EventBridge on one machine: rules with their schedules, and PutEvents. */
export interface EventBridge {
  /** Throws for an expression or a pattern that it does not understand. A disabled rule never fires. */
  addRule(rule: EventRule): void;
  /** When each scheduled rule fires next (milliseconds since 1970). */
  upcoming(): { readonly name: string; readonly due: number }[];
  /** The last `MOST_EVENTS` events that were put, oldest first. */
  events(): readonly BusEvent[];
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  listen(port?: number): Promise<string>;
  close(): Promise<void>;
}

const MOST_EVENTS = 1000;

/** EventBridge with no rules yet. */
export function createEventBridge(options: EventBridgeOptions): EventBridge {
  const { authorizer, log, clock = systemClock, region = 'us-east-1', accountId = '000000000000' } = options;
  const matching: { readonly rule: EventRule; readonly matches: (event: EventPattern) => boolean }[] = [];
  const alarms = new Map<string, { readonly due: number; readonly cancel: () => void }>();
  const events: BusEvent[] = [];

  function newEvent(fields: Pick<BusEvent, 'detail-type' | 'source' | 'resources' | 'detail'>, at: number): BusEvent {
    const time = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
    return { version: '0', id: randomUUID(), account: accountId, time, region, ...fields };
  }

  async function deliver(rule: EventRule, event: BusEvent): Promise<void> {
    const body = JSON.stringify(event);
    for (const target of rule.targets) {
      try {
        await target.deliver(target.input ?? body);
      } catch (error) {
        log(`Rule ${rule.name} could not deliver`, { reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  function arm(rule: EventRule, next: (moment: number) => number | undefined, moment: number): void {
    const due = next(moment);
    if (due === undefined) return;
    const cancel = clock.after(due - clock.now(), () => {
      const fields = { 'detail-type': 'Scheduled Event', source: 'aws.events', resources: [rule.arn], detail: {} };
      void deliver(rule, newEvent(fields, due));
      // After a machine's sleep the missed times are skipped, not made up for all at once.
      const now = clock.now();
      const following = next(due);
      arm(rule, next, following !== undefined && following > now ? due : now);
    });
    alarms.set(rule.arn, { due, cancel });
  }

  function putEvent(entry: JsonInput): object {
    const { Source, DetailType, Detail, EventBusName, Resources, Time } = entry;
    if (typeof Source !== 'string' || typeof DetailType !== 'string' || typeof Detail !== 'string') {
      return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Parameters Source, DetailType and Detail are required.' };
    }
    const detail = parseDetail(Detail);
    if (detail === undefined) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    const resources = Array.isArray(Resources) ? Resources.map(String) : [];
    const at = typeof Time === 'number' ? Time * 1000 : clock.now();
    const event = newEvent({ 'detail-type': DetailType, source: Source, resources, detail }, at);
    events.push(event);
    if (events.length > MOST_EVENTS) events.shift();
    const bus = busName(EventBusName);
    for (const { rule, matches } of matching) {
      if ((rule.eventBusName ?? 'default') === bus && matches({ ...event })) void deliver(rule, event);
    }
    return { EventId: event.id };
  }

  function putEvents(input: JsonInput, call: JsonCall): object {
    const entries = Array.isArray(input.Entries) ? (input.Entries as JsonInput[]) : [];
    if (entries.length < 1 || entries.length > 10)
      throw new AwsError('ValidationException', 'Entries must be 1 to 10.');
    for (const bus of new Set(entries.map(({ EventBusName }) => busName(EventBusName)))) {
      const arn = `arn:aws:events:${region}:${accountId}:event-bus/${bus}`;
      if (!authorizer.allows(call.identity.principal, 'events:PutEvents', arn)) {
        throw new AwsError(
          'AccessDeniedException',
          accessDeniedMessage(call.identity.principal, 'events:PutEvents', arn),
        );
      }
    }
    const results = entries.map(putEvent);
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
  }

  const service = createJsonService({
    ...{ service: 'events', targetPrefix: 'AWSEvents', version: '1.1', authorizer, log },
    operations: { PutEvents: putEvents },
  });
  return {
    addRule(rule) {
      const matches = rule.eventPattern == null ? undefined : compilePattern(rule.eventPattern);
      const schedule = rule.expression == null ? undefined : parseSchedule(rule.expression);
      if (rule.enabled === false) return;
      if (matches !== undefined) matching.push({ rule, matches });
      if (schedule !== undefined) arm(rule, schedule.next, clock.now());
    },
    upcoming: () => [...alarms].map(([arn, { due }]) => ({ name: arn.slice(arn.lastIndexOf('/') + 1), due })),
    events: () => events,
    handle: service.handle,
    listen: service.listen,
    async close() {
      for (const { cancel } of alarms.values()) cancel();
      alarms.clear();
      await service.close();
    },
  };
}

function busName(value: unknown): string {
  return typeof value === 'string' ? value.slice(value.lastIndexOf('/') + 1) : 'default';
}

function parseDetail(text: string): Record<string, unknown> | undefined {
  try {
    const detail: unknown = JSON.parse(text);
    return typeof detail === 'object' && detail !== null && !Array.isArray(detail) ? { ...detail } : undefined;
  } catch {
    return undefined;
  }
}
