import { type HourOfQueries, queriesByHour, topUnanswered } from '../../../shared/answering/analytics.ts';
import { validationFailed } from '../../../shared/core/errors.ts';
import { parsePublicId } from '../../../shared/core/ids.ts';
import { getCollection } from '../../../shared/ingestion/collections.ts';
import { queryAnalytics, queryAnalyticsReport } from '../contract/analytics.ts';
import { defineRoute, ok } from '../route.ts';

const dayMilliseconds = 86_400_000;
/** A chart can show the hours of this many days, and this range of the index is read quickly. */
const longestDays = 92;
const defaultDays = 7;

function hourView(hour: HourOfQueries) {
  const { p50, p95, p99 } = hour;
  return {
    hour: hour.hour.toISOString(),
    count: hour.count,
    no_answer_rate: hour.count === 0 ? 0 : hour.unanswered / hour.count,
    failed: hour.failed,
    cached: hour.known,
    removed_marks: hour.removed_marks,
    latency_ms: { p50, p95, p99 },
    routes: hour.routes,
    satisfaction: { ratings: hour.ratings, average: hour.rating },
    cost_usd: hour.cost_usd,
  };
}

function rangeOf({ from, to }: { from?: string | undefined; to?: string | undefined }, now: Date) {
  const end = to === undefined ? now : new Date(to);
  const start = from === undefined ? new Date(end.getTime() - defaultDays * dayMilliseconds) : new Date(from);
  if (start >= end) throw validationFailed([{ pointer: '/from', detail: 'Must be before `to`' }]);
  if (end.getTime() - start.getTime() > longestDays * dayMilliseconds)
    throw validationFailed([{ pointer: '/from', detail: `At most ${longestDays} days` }]);
  return { from: start, to: end };
}

export const analyticsRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/analytics/queries',
    access: 'admin',
    rate: 'read',
    tag: 'Analytics',
    summary: 'Questions per hour: how many, how fast, how good, and how many found nothing',
    query: queryAnalytics,
    success: {
      status: 200,
      description: 'Hours in which questions were asked, newest first',
      schema: queryAnalyticsReport,
    },
    dataAccess: { action: 'analytics.read', resourceType: 'query' },
    async handle({ caller, query, services }) {
      const range = rangeOf(query, services.clock.now());
      const collectionId = query.collection_id === undefined ? null : parsePublicId('collection', query.collection_id);
      const request = { ...range, collectionId };
      return services.database.inWorkspace(caller, async (db) => {
        if (collectionId !== null) await getCollection(db, caller.workspaceId, collectionId);
        const hours = await queriesByHour(db, caller.workspaceId, request);
        const unanswered = await topUnanswered(db, caller.workspaceId, request);
        return ok({
          object: 'query_analytics',
          from: range.from.toISOString(),
          to: range.to.toISOString(),
          data: hours.map(hourView),
          top_unanswered: unanswered.map(({ question, count, last_asked_at }) => ({
            ...(caller.role === 'owner' ? { question } : {}),
            count,
            last_asked_at: last_asked_at.toISOString(),
          })),
        });
      });
    },
  }),
];
