import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { nameOfQueue, type OutageServices, outlastOutage } from '../../../functions/runtime/outlast-outage.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { Outage } from '../../../shared/core/outage.ts';
import type { Nudge } from '../../../shared/core/work-queue.ts';

const record = (queue: string, body: object = { v: 1, workspace_id: 'w', document_id: 'd' }) =>
  ({ eventSourceARN: `arn:aws:sqs:us-east-1:1:${queue}`, body: JSON.stringify(body) }) as SQSRecord;

function services(works = true) {
  const sent: { queue: string; nudge: Nudge }[] = [];
  const parts = {
    config: { stage: 'two-words', queueUrls: { uploads: 'x', 'embed-low': 'x', 'ingest-default': 'x' } },
    queue: {
      send: async (queue: string, nudges: readonly Nudge[]) => {
        if (!works) return 0;
        sent.push(...nudges.map((nudge) => ({ queue, nudge })));
        return nudges.length;
      },
    },
    log: { outlasted: () => {} },
  };
  return { services: parts as unknown as OutageServices, sent };
}

const away = new DbragError('database_resuming', 'away', { retryable: true });
const failing = (error: unknown) => async () => Promise.reject(error);

describe('outlastOutage', () => {
  it.each([away, new Outage('away')])('sends fresh copies and acknowledges while something is away', async (error) => {
    const { services: parts, sent } = services();
    await outlastOutage(
      parts,
      [record('dbrag-two-words-embed-low'), record('dbrag-two-words-embed-low')],
      failing(error),
    );
    const body = { v: 1, workspace_id: 'w', document_id: 'd' };
    const copy = { queue: 'embed-low', nudge: { body, groupId: 'w', delaySeconds: 30 } };
    expect(sent).toEqual([copy, copy]);
  });

  it('sends an event of the bucket again as it came, in no group', async () => {
    const { services: parts, sent } = services();
    const body = { Records: [{ s3: { object: { key: 'uploads/x' } } }] };
    await outlastOutage(parts, [record('dbrag-two-words-uploads', body)], failing(away));
    expect(sent).toEqual([{ queue: 'uploads', nudge: { body, delaySeconds: 30 } }]);
  });

  it.each([
    new Error('a bug'),
    new DbragError('timeout', 'too slow, perhaps every time', { retryable: true }),
    new DbragError('not_found', 'x'),
  ])('leaves every other error to be counted', async (error) => {
    const { services: parts, sent } = services();
    await expect(outlastOutage(parts, [record('dbrag-two-words-embed-low')], failing(error))).rejects.toBe(error);
    expect(sent).toEqual([]);
  });

  it('lets the message come again as it is when no copy could be sent', async () => {
    await expect(
      outlastOutage(services(false).services, [record('dbrag-two-words-embed-low')], failing(away)),
    ).rejects.toBe(away);
  });

  it('finds the queue behind a dead-letter queue, and none that is not ours', () => {
    const { services: parts } = services();
    expect(nameOfQueue(record('dbrag-two-words-ingest-default-dead-letters'), parts)).toBe('ingest-default');
    expect(nameOfQueue(record('dbrag-two-words-imports'), parts)).toBeUndefined();
    expect(nameOfQueue(record('dbrag-other-embed-low'), parts)).toBeUndefined();
  });
});
