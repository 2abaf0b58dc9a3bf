import type { Cluster, Redis } from 'ioredis';

export type RedisClient = Redis | Cluster;

export interface RedisLogin {
  readonly username: string;
  readonly password: string;
}

/** An outage must cost milliseconds: ioredis' own defaults wait 73 s for a server that is down and for ever for a frozen one. */
const patience = { connectTimeout: 200, commandTimeout: 50 } as const;
const longestReconnectMilliseconds = 2_000;
/** The first connection of a process is waited for this long; later ones are made in the background. */
const firstConnectionMilliseconds = 400;

/** Loaded on first use (30 ms). `redis://`: one server · `rediss://`: TLS · `rediss+cluster://`: TLS and cluster mode. */
export async function connectRedis(
  url: string,
  onError: (error: unknown) => void,
  login?: RedisLogin,
): Promise<RedisClient> {
  // By the default export: it is the whole of a CommonJS module, bundled or not; a bundle has no other for a lazy import.
  const { Redis, Cluster } = (await import('ioredis')).default;
  const place = new URL(url);
  const isCluster = place.protocol.endsWith('+cluster:');
  const options = { ...optionsOf(place), ...login };
  const client = isCluster
    ? new Cluster([{ host: place.hostname, port: portOf(place) }], {
        redisOptions: options,
        enableOfflineQueue: false,
        slotsRefreshTimeout: patience.connectTimeout * 5,
        clusterRetryStrategy: reconnectAfter,
        // Endpoints of a serverless cache are names in a certificate: looked up, they would not match it.
        dnsLookup: (address, callback) => callback(null, address),
      })
    : new Redis({
        ...options,
        host: place.hostname,
        port: portOf(place),
        enableOfflineQueue: false,
        retryStrategy: reconnectAfter,
      });
  // An 'error' event that nobody hears ends the process.
  client.on('error', onError);
  await firstConnection(client);
  return client;
}

/** A command with its own time limit: its timer is set before the connection would set the default one. */
export async function sendWithin(
  client: RedisClient,
  milliseconds: number,
  name: string,
  ...parameters: (string | Buffer | number)[]
): Promise<void> {
  const { Command } = (await import('ioredis')).default;
  const command = new Command(name, parameters);
  command.setTimeout(milliseconds);
  await client.sendCommand(command);
}

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

function optionsOf(place: URL) {
  return {
    ...patience,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    // Nothing that is asked here needs the newer protocol, whose handshake is one more round trip.
    protocol: 2 as const,
    ...(place.protocol.startsWith('rediss') ? { tls: { servername: place.hostname } } : {}),
    ...(place.username ? { username: decodeURIComponent(place.username) } : {}),
    ...(place.password ? { password: decodeURIComponent(place.password) } : {}),
  };
}

function portOf(place: URL): number {
  return place.port === '' ? 6_379 : Number(place.port);
}

function reconnectAfter(times: number): number {
  return Math.min(longestReconnectMilliseconds, 50 * 2 ** Math.min(times, 10));
}

/** Without an offline queue, commands before the first connection would all fail. */
async function firstConnection(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, firstConnectionMilliseconds);
    client.once('ready', resolve);
    client.once('close', resolve);
  });
  clearTimeout(timer);
}
