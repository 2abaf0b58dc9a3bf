import { Redis } from 'ioredis';
import { startRedis } from '../../../infra/local/redis/server.ts';

export interface RedisTarget {
  readonly name: string;
  /** A server of its own where possible; `native` targets are flushed by the tests. */
  start(): Promise<{ url: string; close(): Promise<void> }>;
}

const native = process.env.LOCAL_REDIS_URL;

/** The stand-in, and a native Redis or Valkey when LOCAL_REDIS_URL names one (its data is flushed!). */
export const redisTargets: RedisTarget[] = [
  { name: 'stand-in', start: () => startRedis({ password: 'p@ss wörd' }) },
  ...(native ? [{ name: 'native', start: async () => ({ url: native, close: async () => undefined }) }] : []),
];

/** A client that fails instead of retrying, so that a broken server shows. */
export async function connect(url: string, options: { enableReadyCheck?: boolean } = {}): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, ...options });
  await client.connect();
  return client;
}
