import { parsePublicId } from '../../../shared/core/ids.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { eventStream } from '../event-stream.ts';
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
        'Server-sent events: `progress` with the job whenever it changes, `done` or `error` with the job at its end. The stream is closed after a minute; `Last-Event-ID` continues where it stopped; 204 once the end was delivered.',
      contentType: 'text/event-stream',
    },
    async handle({ caller, parameters, services, request }) {
      const id = parsePublicId('job', parameters.id ?? '');
      const read = () => services.database.inWorkspace(caller, (db) => getJob(db, caller.workspaceId, id));
      // Asked before the stream begins, so that an unknown job is a 404 and not an event.
      const first = await read();
      const lastEventId = request.headers.get('last-event-id');
      // An `EventSource` reconnects whenever a stream ends; this status tells it to stop (WHATWG HTML, 9.2.3).
      if (hasSeenEnd(first, lastEventId)) return { status: 204 };
      return eventStream(watchJob(first, read, lastEventId));
    },
  }),
];
