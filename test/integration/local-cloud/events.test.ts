import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../../infra/local/aws/clock.ts';
import { createEventBridge, type EventBridge } from '../../../infra/local/events/event-bridge.ts';
import type { EventPattern } from '../../../infra/local/events/event-pattern.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';

const iam = createAuthorizer();
let clock: VirtualClock;
let bridge: EventBridge;
let client: EventBridgeClient;
let logged: string[];
let delivered: string[];

beforeEach(async () => {
  clock = createVirtualClock(Date.UTC(2026, 10, 4, 12));
  logged = [];
  delivered = [];
  bridge = createEventBridge({ authorizer: iam, log: (message) => void logged.push(message), clock });
  const endpoint = await bridge.listen();
  const credentials = iam.issueAccessKey('person', 'administrator');
  client = new EventBridgeClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
});
afterEach(async () => {
  client.destroy();
  await bridge.close();
});

const target = { deliver: (body: string) => void delivered.push(body) };
const arnOf = (name: string) => `arn:aws:events:us-east-1:000000000000:rule/${name}`;
const rule = (name: string, more: object) => bridge.addRule({ name, arn: arnOf(name), targets: [target], ...more });

describe('schedules', () => {
  test('deliver the scheduled event, at each time', async () => {
    rule('nightly', { expression: 'cron(0 3 * * ? *)' });
    expect(bridge.upcoming()).toEqual([{ name: 'nightly', due: Date.UTC(2026, 10, 5, 3) }]);
    await clock.advance(15 * 3600_000 - 1);
    expect(delivered).toEqual([]);
    await clock.advance(1);
    expect(JSON.parse(delivered[0] ?? '')).toEqual({
      version: '0',
      id: expect.any(String),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: '000000000000',
      time: '2026-11-05T03:00:00Z',
      region: 'us-east-1',
      resources: [arnOf('nightly')],
      detail: {},
    });
    await clock.advance(2 * 86_400_000);
    expect(delivered).toHaveLength(3);
  });
  test('deliver the input of the target instead, and nothing when disabled', async () => {
    const input = '{"v":1,"kind":"sweep"}';
    rule('often', { expression: 'rate(5 minutes)', targets: [{ ...target, input }] });
    rule('never', { expression: 'rate(1 minute)', enabled: false });
    await clock.advance(14 * 60_000);
    expect(delivered).toEqual([input, input]);
  });
  test('a target that fails is logged, the other targets and the next time stay', async () => {
    const broken = {
      deliver: () => {
        throw new Error('no such queue');
      },
    };
    rule('often', { expression: 'rate(1 minute)', targets: [broken, target] });
    await clock.advance(120_000);
    expect(delivered).toHaveLength(2);
    expect(logged).toEqual(['Rule often could not deliver', 'Rule often could not deliver']);
  });
});

describe('PutEvents', () => {
  const put = (...Entries: PutEventsRequestEntry[]) => client.send(new PutEventsCommand({ Entries }));
  const entry = (detail: object, more: object = {}) => ({
    Source: 'dbrag',
    DetailType: 'document.ready',
    Detail: JSON.stringify(detail),
    ...more,
  });

  test('records events and delivers what matches', async () => {
    rule('ready', { eventPattern: { source: ['dbrag'], 'detail-type': ['document.ready'] } });
    rule('other', { eventPattern: { source: ['somebody'] } });
    const { FailedEntryCount, Entries } = await put(entry({ id: 'doc_1' }), entry({}, { EventBusName: 'elsewhere' }));
    expect(FailedEntryCount).toBe(0);
    expect(Entries?.[0]?.EventId).toEqual(expect.any(String));
    expect(bridge.events()).toHaveLength(2);
    expect(delivered.map((body) => JSON.parse(body))).toMatchObject([
      { id: Entries?.[0]?.EventId, source: 'dbrag', 'detail-type': 'document.ready', detail: { id: 'doc_1' } },
    ]);
  });
  test('refuses entry by entry', async () => {
    const { FailedEntryCount, Entries } = await put(
      entry({}),
      { ...entry({}), Detail: 'no JSON' },
      { Source: 'x', Detail: '{}' },
    );
    expect(FailedEntryCount).toBe(2);
    expect(Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([undefined, 'MalformedDetail', 'InvalidArgument']);
  });
  test('needs the right to it', async () => {
    const credentials = iam.issueAccessKey('worker', []);
    const endpoint = await client.config.endpoint?.();
    const url = `http://${endpoint?.hostname}:${endpoint?.port}`;
    const worker = new EventBridgeClient({ region: 'us-east-1', endpoint: url, credentials, maxAttempts: 1 });
    const error = await worker.send(new PutEventsCommand({ Entries: [entry({})] })).catch((reason) => reason);
    worker.destroy();
    expect(error).toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('events:PutEvents'),
    });
    expect(bridge.events()).toEqual([]);
  });
  test.each<[EventPattern, boolean]>([
    [{ detail: { state: ['ready'] } }, true],
    [{ detail: { state: ['failed', 'ready'] } }, true],
    [{ detail: { state: ['failed'] } }, false],
    [{ detail: { state: [{ prefix: 're' }] } }, true],
    [{ detail: { state: [{ prefix: 'fa' }] } }, false],
    [{ detail: { state: [{ suffix: 'dy' }] } }, true],
    [{ detail: { state: [{ 'equals-ignore-case': 'READY' }] } }, true],
    [{ detail: { state: [{ 'anything-but': ['failed'] }] } }, true],
    [{ detail: { state: [{ 'anything-but': { prefix: 're' } }] } }, false],
    [{ detail: { missing: [{ exists: false }] } }, true],
    [{ detail: { state: [{ exists: false }] } }, false],
    [{ detail: { chunks: [{ numeric: ['>', 0, '<=', 7] }] } }, true],
    [{ detail: { chunks: [{ numeric: ['>', 7] }] } }, false],
    [{ detail: { tags: ['b'] } }, true],
    [{ detail: { nested: { deep: [true] } } }, true],
    [{ detail: { nested: { deeper: { still: ['x'] } } } }, false],
    [{ resources: ['arn:x'] }, true],
    [{ source: ['dbrag'], detail: { state: ['failed'] } }, false],
  ])('the pattern %j matches: %s', async (eventPattern, matches) => {
    rule('pattern', { eventPattern });
    const detail = { state: 'ready', chunks: 7, tags: ['a', 'b'], nested: { deep: true } };
    await put(entry(detail, { Resources: ['arn:x'] }));
    expect(delivered).toHaveLength(matches ? 1 : 0);
  });
  test('a filter that it does not know is an error', () => {
    expect(() => rule('odd', { eventPattern: { source: [{ wildcard: '*' }] } })).toThrow(/wildcard/);
    expect(() => rule('odd', { eventPattern: { $or: [], source: 'x' } })).toThrow(/not understood/);
  });
});
