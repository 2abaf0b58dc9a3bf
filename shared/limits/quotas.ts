import { DbragError } from '../core/errors.ts';

/** What a workspace may have, or spend in a day (UTC). `documents` counts in each collection. */
export const quotaResources = [
  'collections',
  'documents',
  'stored_bytes',
  'chunks',
  'connections',
  'chat_tokens',
  'embedding_tokens',
] as const;
export type QuotaResource = (typeof quotaResources)[number];

/** By resource; null, or not named: no limit. */
export type Quotas = { readonly [R in QuotaResource]?: number | null | undefined };

/** The quotas of one workspace, and a callback for when one of them is nearly used up. */
export interface WorkspaceQuotas {
  readonly limits: Quotas;
  /** Told of what is used after something was taken. */
  noticed(resource: QuotaResource, used: number): void;
}

/** The share from which the operator is notified. */
export const alarmingShare = 0.8;

export const noQuotas: WorkspaceQuotas = { limits: {}, noticed() {} };

/** The operator's settings for a workspace override the stage's. */
export function quotasOf(stage: Quotas | null, chosen: Quotas | undefined): Quotas {
  return { ...stage, ...chosen };
}

const nouns: Readonly<Record<QuotaResource, string>> = {
  collections: 'collections',
  documents: 'documents in this collection',
  stored_bytes: 'bytes of documents',
  chunks: 'chunks',
  connections: 'connections',
  chat_tokens: 'tokens of chat models today',
  embedding_tokens: 'tokens of embedding models today',
};

const isOfADay = (resource: QuotaResource): boolean => resource === 'chat_tokens' || resource === 'embedding_tokens';

/** When a quota is whole again by itself: for what is spent in a day, at its end. */
export function resetOf(resource: QuotaResource, now: Date): Date | null {
  if (!isOfADay(resource)) return null;
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1));
}

/**
 * @param wanted what was asked for on top of what is used
 * @param share what the limit is for, in words, where it is a part of the quota
 */
export function quotaExceeded(
  resource: QuotaResource,
  {
    used,
    limit,
    wanted,
    now,
    share,
  }: {
    readonly used: number;
    readonly limit: number;
    readonly wanted: number;
    readonly now: Date;
    readonly share?: string | undefined;
  },
): DbragError {
  const resets = resetOf(resource, now);
  const whole = (value: number) => value.toLocaleString('en');
  const state = `Quota ${resource}: ${whole(used)} of ${whole(limit)} ${nouns[resource]}${share ? ` for ${share}` : ''} are used`;
  const asked = wanted > 1 && resets === null ? `, and this needs ${whole(wanted)} more` : '';
  const way = resets === null ? 'delete some, or ask your operator for more' : `it resets at ${resets.toISOString()}`;
  const seconds = resets === null ? undefined : Math.ceil((resets.getTime() - now.getTime()) / 1_000);
  return new DbragError('quota_exceeded', `${state}${asked}; ${way}.`, {
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
  });
}
