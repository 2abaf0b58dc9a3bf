import type { Cache } from '../core/cache.ts';
import type { Database, WorkspaceScope } from '../core/database.ts';
import { seal, unseal } from '../core/sealed-value.ts';
import { type CatalogOutline, readOutline } from './catalog-outline.ts';
import { getConnection } from './connections.ts';
import { type ReadableConnection, readableWith } from './readable-connection.ts';

/** Names of tables, columns and references of all connections together that one process remembers: some 50 MB. */
const mostNamesRemembered = 1_000_000;
/** The fixed cost of a table beside its column and reference names, counted in names. */
const namesOfTable = 6;
/** Longer, and it would not come within the time limit of a command, which counts as an outage of the cache. */
const largestShared = 400_000;

interface Remembered {
  readonly key: string;
  readonly outline: CatalogOutline;
  readonly names: number;
}

/**
 * The outline of each catalog, which writing and checking SQL need in full for every question. It is cached in this process, and
 * for an hour in Redis for processes that have just started. The number of the catalog's changes is part of the key, and is read before
 * anything else, so what is served is at least as new as the connection was when it was looked at.
 */
export class CatalogCache {
  private readonly cache: Cache;
  private readonly secondsToLive: number;
  private readonly mostNames: number;
  /** One a connection, the newest that was asked for; least recently used first. */
  private readonly remembered = new Map<string, Remembered>();
  private names = 0;

  /**
   * @param secondsToLive of what the cache keeps; 0: this process alone
   * @param mostNames that this process remembers
   */
  constructor(cache: Cache, secondsToLive: number, mostNames = mostNamesRemembered) {
    this.cache = cache;
    this.secondsToLive = secondsToLive;
    this.mostNames = mostNames;
  }

  /**
   * A connection that the scope may see, and all that statements may read of it. Asked outside of any transaction: the cache is no
   * place to wait for inside one.
   * @throws not_found
   */
  async readable(database: Database, scope: WorkspaceScope, id: string): Promise<ReadableConnection> {
    const { workspaceId } = scope;
    const connection = await database.inWorkspace(scope, (db) => getConnection(db, workspaceId, id));
    const key = `meta:{${workspaceId}:${id}}:${connection.generation}`;
    const known = this.recall(key) ?? (await this.fetch(key));
    return readableWith(connection, known ?? (await this.read(database, scope, id, key)));
  }

  private recall(key: string): CatalogOutline | undefined {
    const connection = connectionOf(key);
    const known = this.remembered.get(connection);
    if (known?.key !== key) return undefined;
    this.remembered.delete(connection);
    this.remembered.set(connection, known);
    return known.outline;
  }

  private async fetch(key: string): Promise<CatalogOutline | undefined> {
    if (this.secondsToLive === 0) return undefined;
    const [value] = await this.cache.getMany([key]);
    const body = unseal(key, value);
    return body && this.remember(key, JSON.parse(Buffer.from(body).toString()) as CatalogOutline);
  }

  private async read(database: Database, scope: WorkspaceScope, id: string, key: string): Promise<CatalogOutline> {
    const read = await database.inWorkspace(scope, (db) => readOutline(db, scope.workspaceId, id));
    const outline = this.remember(key, read);
    if (this.secondsToLive === 0) return outline;
    const value = seal(key, Buffer.from(JSON.stringify(outline)));
    if (value.byteLength <= largestShared) await this.cache.setMany([{ key, value }], this.secondsToLive);
    return outline;
  }

  /** In place of what was before the last change. One that is larger than all that may be remembered is remembered alone. */
  private remember(key: string, outline: CatalogOutline): CatalogOutline {
    const connection = connectionOf(key);
    const names = namesIn(outline);
    this.forget(connection);
    this.remembered.set(connection, { key, outline, names });
    this.names += names;
    for (const oldest of this.remembered.keys()) {
      if (this.names <= this.mostNames || oldest === connection) break;
      this.forget(oldest);
    }
    return outline;
  }

  private forget(connection: string): void {
    this.names -= this.remembered.get(connection)?.names ?? 0;
    this.remembered.delete(connection);
  }
}

/** Without the number of its changes. */
const connectionOf = (key: string): string => key.slice(0, key.lastIndexOf(':'));

function namesIn({ tables, types }: CatalogOutline): number {
  return tables.reduce(
    (sum, { columns, references }) => sum + namesOfTable + columns.length + references.length,
    2 * types.length,
  );
}
