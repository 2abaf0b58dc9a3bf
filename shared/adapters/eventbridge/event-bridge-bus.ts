import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { DomainEvent, EventBus } from '../../core/event-bus.ts';

const entriesPerRequest = 10;
/** Telling a bulk load is bound by round trips; a few at a time keep the connections few. */
const requestsAtOnce = 8;

export interface EventBridgeBusOptions {
  readonly busName: string;
  /** `source` of every event. */
  readonly source: string;
  readonly onFailure: (count: number, error: unknown) => void;
}

/** Events on Amazon EventBridge. The client is created with the first event: most invocations have none. */
export function createEventBridgeBus(options: EventBridgeBusOptions): EventBus {
  let client: Promise<EventBridgeClient> | undefined;
  const connect = () => {
    client ??= import('@aws-sdk/client-eventbridge').then(
      // Otherwise the middleware stack is rebuilt for every call.
      ({ EventBridgeClient: Client }) => new Client({ maxAttempts: 3, cacheMiddleware: true }),
    );
    return client;
  };
  return {
    async publish(events) {
      const accepted = new Array<boolean>(events.length).fill(false);
      const starts = Array.from(
        { length: Math.ceil(events.length / entriesPerRequest) },
        (_, i) => i * entriesPerRequest,
      );
      const waiting = starts.values();
      const publishSome = async () => {
        for (const start of waiting) {
          const slice = events.slice(start, start + entriesPerRequest);
          try {
            const refused = await put(await connect(), options, slice);
            for (const i of slice.keys()) accepted[start + i] = !refused.has(i);
            if (refused.size > 0) options.onFailure(refused.size, new Error([...refused.values()][0]));
          } catch (error) {
            options.onFailure(slice.length, error);
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(requestsAtOnce, starts.length) }, publishSome));
      return accepted;
    },
  };
}

/** @returns the places of the events that were refused, with the reason */
async function put(
  client: EventBridgeClient,
  { busName, source }: EventBridgeBusOptions,
  events: readonly DomainEvent[],
): Promise<Map<number, string>> {
  const { PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
  const { Entries } = await client.send(
    new PutEventsCommand({
      Entries: events.map(({ type, at, detail }) => ({
        EventBusName: busName,
        Source: source,
        DetailType: type,
        Time: at,
        Detail: JSON.stringify(detail),
      })),
    }),
  );
  return new Map(
    (Entries ?? []).flatMap(({ ErrorCode }, i) => (ErrorCode === undefined ? [] : [[i, ErrorCode] as const])),
  );
}
