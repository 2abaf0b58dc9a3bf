import type { QueryEvent } from '../../shared/answering/answered-query.ts';
import { resultOf, stepOf } from '../../shared/answering/stored-result.ts';
import { eventStream, type ServerSentEvent } from './event-stream.ts';
import { sourceViews } from './views/query-view.ts';

/** One part of an answer as an event of the stream. */
export function eventOf(event: QueryEvent): ServerSentEvent {
  switch (event.type) {
    case 'route':
      return { event: 'route', data: JSON.stringify({ route: event.route }) };
    case 'sources':
      return { event: 'sources', data: JSON.stringify({ data: sourceViews(event.passages) }) };
    case 'sql':
      return { event: 'sql', data: JSON.stringify(resultOf(event.result)) };
    case 'step':
      return { event: 'step', data: JSON.stringify(stepOf(event.step)) };
    case 'delta':
      return { event: 'delta', data: JSON.stringify({ text: event.text }) };
  }
}

/** An answer that was first streamed in pieces is replayed in one piece. */
export function replayedStream(body: unknown): Response {
  const events = async function* (): AsyncGenerator<ServerSentEvent> {
    yield { event: 'done', data: JSON.stringify(body) };
  };
  const response = eventStream(events());
  response.headers.set('idempotency-replayed', 'true');
  return response;
}
