import type { Cluster, Redis } from 'ioredis';

export interface RedisLogin {
  readonly username: string;
  readonly password: string;
}

export type RedisClient = Redis | Cluster;

/**
 * An outage costs milliseconds: ioredis' own defaults wait 73 s for a server that is down, and for ever for one that is frozen.
 */
const limits = {
  commandTimeout: 50,
  connectTimeout: 200,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  lazyConnect: true,
} as const;

/**
 * Opens a connection by a URL: `redis://` or `rediss://` (TLS) to one server, `rediss+cluster://` (TLS) or `redis+cluster://` to a
 * cluster. The driver is loaded here, on first use: it costs 30 ms.
 * @throws when the server does not answer within 200 ms; nothing is left open then
 */
export async function connectRedis(url: string, login: RedisLogin | undefined): Promise<RedisClient> {
  const { protocol, hostname, port, username, password } = new URL(url);
  const tls = protocol.startsWith('rediss') ? { tls: { servername: hostname } } : {};
  const own =
    username || password ? { username: decodeURIComponent(username), password: decodeURIComponent(password) } : {};
  const options = { ...limits, ...tls, ...own, ...(login ?? {}) };
  const { default: IoRedis } = await import('ioredis');
  const address = { host: hostname, port: Number(port || 6379) };
  const client = protocol.endsWith('+cluster:')
    ? new IoRedis.Cluster([address], {
        // The certificate names the endpoint, so the endpoint must not be looked up first.
        dnsLookup: (name, done) => done(null, name),
        enableOfflineQueue: false,
        lazyConnect: true,
        slotsRefreshTimeout: limits.connectTimeout,
        clusterRetryStrategy: reconnectDelay,
        redisOptions: options,
      })
    : new IoRedis.Redis({ ...options, ...address, retryStrategy: reconnectDelay });
  // Without a listener a lost connection would be printed; the next command says it anyway.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

function reconnectDelay(times: number): number {
  return Math.min(50 * 2 ** times, 5_000);
}
