import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ask } from '../../../functions/http/ask.ts';
import type { AskContext, Asking } from '../../../functions/http/asking.ts';

/** A streamed question that is refused where it would be put to a model. */
async function askWith(left: AbortController) {
  const seen: { aborted?: boolean; listeners?: number } = {};
  const pending: Promise<unknown>[] = [];
  const db = { query: async () => ({ rows: [], count: 0 }) };
  const context = {
    caller: { workspaceId: '00000000-0000-7000-8000-000000000001', actor: 'key_1', apiKeyId: null },
    origin: { requestId: 'req_1' },
    idempotency: undefined,
    deadline: Date.now() + 60_000,
    left: left.signal,
    waitUntil: (work: Promise<unknown>) => pending.push(work),
    services: {
      database: { inWorkspace: async (_scope: unknown, work: (of: typeof db) => unknown) => work(db) },
      quotas: { of: async () => ({ limits: {} }) },
      chat: () => ({}),
      log: { requestFailed: () => {} },
    },
  } as unknown as AskContext;
  const asking: Asking = {
    body: { route: 'auto', reasoning: 'direct', stream: true, limit: 8 },
    narrowing: { collectionIds: null, connectionIds: null },
    conversationId: null,
    subject: null,
    question: async (_chat, { signal }) => {
      seen.listeners = getEventListeners(left.signal, 'abort').length;
      seen.aborted = signal.aborted;
      throw new Error('refused');
    },
  };
  await expect(ask(context, asking)).rejects.toThrow('refused');
  await Promise.allSettled(pending);
  return seen;
}

describe('a streamed question', () => {
  it('is known to be for nobody when its client left before it began', async () => {
    const left = new AbortController();
    left.abort();
    expect((await askWith(left)).aborted).toBe(true);
  });

  it('is for somebody otherwise, and listens for that until it has ended', async () => {
    const left = new AbortController();
    expect(await askWith(left)).toEqual({ aborted: false, listeners: 1 });
    expect(getEventListeners(left.signal, 'abort')).toEqual([]);
  });
});
