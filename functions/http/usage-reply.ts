import type { WorkspaceScope } from '../../shared/core/database.ts';
import { validationFailed } from '../../shared/core/errors.ts';
import { type IdKind, publicId } from '../../shared/core/ids.ts';
import { readUsage, type UsageGroup, type UsageSum } from '../../shared/usage/read-usage.ts';
import type { Services } from '../runtime/services.ts';
import { ok, type Reply } from './route.ts';

const dayMilliseconds = 86_400_000;
const defaultDays = 30;
const longestDays = 400;

export interface UsageQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly group_by: UsageGroup;
}

const idKinds: { readonly [G in UsageGroup]?: IdKind } = {
  api_key: 'apiKey',
  subject: 'subject',
  collection: 'collection',
};

/** A workspace's usage, as far as the caller may see it. */
export async function usageReply(
  { database, clock }: Services,
  scope: WorkspaceScope,
  query: UsageQuery,
): Promise<Reply> {
  const { from, to } = rangeOf(query, clock.now());
  const groupBy = query.group_by;
  const sums = await database.inWorkspace(scope, (db) => readUsage(db, scope.workspaceId, { from, to, groupBy }));
  const kind = idKinds[groupBy];
  return ok({
    object: 'usage',
    from: from.toISOString(),
    to: to.toISOString(),
    group_by: groupBy,
    data: sums.map(({ key, ...amounts }) => ({ key: key !== null && kind ? publicId(kind, key) : key, ...amounts })),
    total: totalOf(sums),
  });
}

/** A day alone is its beginning, and as the end its end: `from=2026-11-01&to=2026-11-30` is all of November. */
function rangeOf({ from, to }: UsageQuery, now: Date): { from: Date; to: Date } {
  const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
  const end = to === undefined ? now : new Date(new Date(to).getTime() + (isDay(to) ? dayMilliseconds : 0));
  const start = from === undefined ? new Date(end.getTime() - defaultDays * dayMilliseconds) : new Date(from);
  if (start >= end) throw validationFailed([{ pointer: '/from', detail: 'Must be before `to`' }]);
  if (end.getTime() - start.getTime() > longestDays * dayMilliseconds)
    throw validationFailed([{ pointer: '/from', detail: `At most ${longestDays} days` }]);
  return { from: start, to: end };
}

function totalOf(sums: readonly UsageSum[]): Omit<UsageSum, 'key'> {
  const sum = (member: keyof Omit<UsageSum, 'key'>) => sums.reduce((total, each) => total + each[member], 0);
  return {
    requests: sum('requests'),
    embedding_tokens: sum('embedding_tokens'),
    prompt_tokens: sum('prompt_tokens'),
    completion_tokens: sum('completion_tokens'),
    cost_usd: sum('cost_usd'),
  };
}
