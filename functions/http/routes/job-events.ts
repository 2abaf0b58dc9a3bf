import { parsePublicId } from '../../../shared/core/ids.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { openStream } from '../../../shared/limits/open-streams.ts';
import { eventStream, type ServerSentEvent } from '../event-stream.ts';
import { defineRoute } from '../route.ts';
import { hasSeenEnd, watchJob } from '../watch-job.ts';

export const jobEventRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/jobs/{id}/events',
    access: 'reader',
    rate: 'poll',
    tag: 'Jobs',
    streaming: true,
    summary: "Follow a job's progress",
    success: {
      status: 200,
      description:
        'Server-sent events: `progress` with the job whenever it changes, `done` or `error` with the job at its end. The stream is closed after a minute; `Last-Event-ID` continues where it stopped; 204 once the end was delivered. A workspace may hold only so many of these streams open: 429 `rate_limited` beyond that, with `Retry-After`.',
      contentType: 'text/event-stream',
    },
    async handle({ caller, parameters, services: { config, database }, request, left }) {
      const id = parsePublicId('job', parameters.id ?? '');
      const { workspaceId } = caller;
      // Asked before the stream begins, so that an unknown job is a 404 and not an event.
      const first = await database.inWorkspace(caller, (db) => getJob(db, workspaceId, id));
      const lastEventId = request.headers.get('last-event-id');
      // An `EventSource` reconnects whenever a stream ends; this status tells it to stop (WHATWG HTML, 9.2.3).
      if (hasSeenEnd(first, lastEventId)) return { status: 204 };
      const stream = await database.inWorkspace(caller, (db) => openStream(db, workspaceId, config.openStreams));
      const read = () =>
        database.inWorkspace(caller, async (db) => {
          await stream.renew(db);
          return getJob(db, workspaceId, id);
        });
      const close = () => database.inWorkspace(caller, (db) => stream.close(db));
      return eventStream(closing(watchJob(first, read, lastEventId, left), close));
    },
  }),
];

/** The same events; `close` is called when they end, however they do. */
async function* closing(
  events: AsyncGenerator<ServerSentEvent>,
  close: () => Promise<void>,
): AsyncGenerator<ServerSentEvent> {
  try {
    yield* events;
  } finally {
    // Without a database the lease ends by itself; the watcher has been told what there was to tell.
    await close().catch(() => {});
  }
}
