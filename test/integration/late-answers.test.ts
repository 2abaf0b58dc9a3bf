import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeRequest } from '../../shared/access/commit-change.ts';
import { leaseCall } from '../../shared/access/lease-call.ts';
import { subjectIdOf } from '../../shared/access/subjects.ts';
import type { AnsweredQuery } from '../../shared/answering/answered-query.ts';
import {
  addTurn,
  type Conversation,
  createConversation,
  holdConversation,
} from '../../shared/answering/conversations.ts';
import { storeQuery } from '../../shared/answering/store-query.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import { newUuid, publicId } from '../../shared/core/ids.ts';
import { beginSubjectErasure, eraseSubject } from '../../shared/privacy/erase-subject.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';

/** What a model made of a question, without sources. */
const answer = {
  question: 'What did Alice say?',
  route: 'documents',
  answer: 'That herons wade.',
  citations: [],
  passages: [],
  results: [],
  connectionIds: [],
  steps: [],
  model: 'model',
  provider: 'provider',
  degraded: [],
  error: null,
  embeddingTokens: 0,
  promptTokens: 1,
  completionTokens: 1,
  costUsd: 0,
  embeddingCache: 'off',
  resultCache: 'miss',
  timing: { route: 0, retrieve: 0, sqlGenerate: 0, sqlExecute: 0, firstToken: 1, total: 1 },
  trace: {
    searches: [],
    chunkIds: [],
    promptHash: null,
    removedMarks: 0,
    unverifiedNumbers: 0,
    modelFirstTokenMilliseconds: 1,
  },
  usage: [],
} satisfies AnsweredQuery;

describe('an answer in the conversation of somebody who is being erased', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  }, 60_000);
  afterAll(() => test?.close());

  /** A key asks as Bob in Alice's conversation; `keep` is what happens when the model has answered. */
  async function stage() {
    const { id: workspaceId } = await createWorkspace(test.application);
    const scope = { workspaceId };
    const caller = { workspaceId, actor: 'key_1', collectionIds: null, connectionIds: null };
    const conversation: Conversation = await test.application.inWorkspace(scope, (db) =>
      createConversation(db, caller, { subject: 'alice', title: null, metadata: {} }),
    );
    const bob = await test.application.inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'bob'));
    const request: ChangeRequest = {
      caller,
      origin: { requestId: 'req_1', ip: null, userAgent: null } as unknown as ChangeRequest['origin'],
      idempotency: { key: 'asked-once', fingerprint: randomBytes(32) },
    };
    await leaseCall(test.application, request);
    const keep = () =>
      test.application.inWorkspace(scope, async (db) => {
        const asked = {
          id: newUuid(),
          workspaceId,
          actor: 'key_1',
          apiKeyId: null,
          subjectId: bob,
          subject: 'bob',
          conversationId: conversation.id,
          collectionIds: null,
          reasoning: 'direct',
        } as const;
        const body = { subject: 'bob', conversation_id: publicId('conversation', conversation.id) };
        const isKept = await storeQuery(db, asked, answer, { request, status: 200, body });
        const turn = { said: answer.question, answered: answer.answer, queryId: asked.id };
        if (isKept) await addTurn(db, workspaceId, conversation, turn);
        return isKept;
      });
    // Over a connection of its own, so that all it can wait for is a lock.
    const begin = () =>
      test.maintainer.inWorkspace(scope, (db) =>
        beginSubjectErasure(db, new Date(), { workspaceId, named: 'alice', actor: 'test' }),
      );
    /** @param during runs once the messages and questions of the subject are gone, before its conversations are */
    const erase = async (during: () => Promise<unknown> = async () => {}) => {
      const { jobId, subjectId } = await begin();
      let transactions = 0;
      const inWorkspace: typeof test.maintainer.inWorkspace = async (of, work) => {
        transactions += 1;
        if (transactions === 4) await during();
        return test.maintainer.inWorkspace(of, work);
      };
      const ports = {
        database: { ...test.maintainer, inWorkspace },
        objects: { purge: async () => 0 } as never,
        clock: systemClock,
        failpoint: noFailpoint,
        backupDays: 7,
      };
      await eraseSubject(ports as never, workspaceId, jobId, subjectId, () => true);
    };
    const left = async () => {
      const counts: Record<string, number> = {};
      for (const table of ['conversations', 'messages', 'queries', 'idempotency_keys']) {
        const { rows } = await test.admin.query(
          `SELECT count(*)::int AS rows FROM dbrag.${table} WHERE workspace_id = $1`,
          [workspaceId],
        );
        counts[table] = rows[0].rows;
      }
      return counts;
    };
    return { scope, workspaceId, conversation, keep, begin, erase, left };
  }
  const nothing = { conversations: 0, messages: 0, queries: 0, idempotency_keys: 0 };

  it('is not kept, whoever it was asked for, and leaves its idempotency key free', async () => {
    const { keep, erase, left } = await stage();
    const kept: boolean[] = [];
    await erase(async () => kept.push(await keep()));
    expect(kept).toEqual([false]);
    expect(await left()).toEqual(nothing);
  });

  it('goes with the subject when it was kept before', async () => {
    const { keep, erase, left } = await stage();
    expect(await keep()).toBe(true);
    expect(await left()).toEqual({ conversations: 1, messages: 2, queries: 1, idempotency_keys: 1 });
    await erase();
    expect(await left()).toEqual(nothing);
  });

  it.runIf(process.env.LOCAL_DATABASE_URL)('is waited for by an erasure that begins while it is kept', async () => {
    const { scope, workspaceId, conversation, begin } = await stage();
    const order: string[] = [];
    let begun: Promise<unknown> = Promise.resolve();
    await test.application.inWorkspace(scope, async (db) => {
      expect(await holdConversation(db, workspaceId, conversation.id)).toBe(true);
      begun = begin().then(() => order.push('begun'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push('kept');
    });
    await begun;
    expect(order).toEqual(['kept', 'begun']);
  });
});
