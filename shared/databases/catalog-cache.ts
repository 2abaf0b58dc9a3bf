import type { Cache } from '../core/cache.ts';
import type { Database, WorkspaceScope } from '../core/database.ts';
import { seal, unseal } from '../core/sealed-value.ts';
import { type CatalogOutline, readOutline } from './catalog-outline.ts';
import { getConnection } from './connections.ts';
import { type ReadableConnection, readableWith } from './readable-connection.ts';

/** Tables of all connections together that one process remembers: some 50 MB. */
const mostTablesRemembered = 20_000;
/** Longer, and it would not come within the time limit of a command, which counts as an outage of the cache. */
const largestShared = 400_000;

/**
 * The outline of each catalog: whoever writes or checks SQL asks for all of it, question after question. It is kept by this process, and
 * for an hour by the cache for those that have just begun. The number of the catalog's changes is part of the key, and is read before
 * anything else, so what is served is at least as new as the connection was when it was looked at.
 */
export class CatalogCache {
  private readonly cache: Cache;
  private readonly secondsToLive: number;
  /** Least recently used first. */
  private readonly remembered = new Map<string, CatalogOutline>();
  private tables = 0;

  /** @param secondsToLive of what the cache keeps; 0: this process alone */
  constructor(cache: Cache, secondsToLive: number) {
    this.cache = cache;
    this.secondsToLive = secondsToLive;
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
    const outline = this.remembered.get(key);
    if (outline) {
      this.remembered.delete(key);
      this.remembered.set(key, outline);
    }
    return outline;
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

  /** What was before the last change goes with the others that nobody asks for. */
  private remember(key: string, outline: CatalogOutline): CatalogOutline {
    this.tables += outline.tables.length - (this.remembered.get(key)?.tables.length ?? 0);
    this.remembered.delete(key);
    this.remembered.set(key, outline);
    for (const [oldest, { tables }] of this.remembered) {
      if (this.tables <= mostTablesRemembered || oldest === key) break;
      this.remembered.delete(oldest);
      this.tables -= tables.length;
    }
    return outline;
  }
}
