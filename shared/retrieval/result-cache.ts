import { createHash } from 'node:crypto';
import type { Cache } from '../core/cache.ts';
import type { Database, WorkspaceScope } from '../core/database.ts';
import { seal, unseal } from '../core/sealed-value.ts';
import type { SearchHit } from './search.ts';

/** Larger answers would push many smaller ones out, and take longer to read than a search takes. */
const largestBytes = 100_000;
/** Questions whose first asking is remembered. */
const rememberedQuestions = 5_000;

/**
 * Hits of questions that come again. Their key names the state of the workspace that they were read at, by the generations that every
 * swap, deletion and change of permissions raises; those are read from the database before the hits, so hits are never older than
 * what their key says, and an older key is never asked for again. A value begins with a digest over its key: what somebody else put
 * there is a miss.
 *
 * A question that this process sees for the first time costs the cache nothing: most never come again.
 */
export class ResultCache {
  readonly #cache: Cache;
  readonly #secondsToLive: number;
  readonly #seen = new Set<string>();

  /** @param secondsToLive 0: nothing is kept */
  constructor(cache: Cache, secondsToLive: number) {
    this.#cache = cache;
    this.#secondsToLive = secondsToLive;
  }

  get isOn(): boolean {
    return this.#secondsToLive > 0;
  }

  /**
   * @param request everything that decides about the hits, the caller's narrowing as well
   * @returns the key to keep the hits under, and the hits if they are known; undefined when this question is not looked up
   */
  async find(
    database: Database,
    scope: WorkspaceScope,
    request: unknown,
  ): Promise<{ readonly key: string; readonly hits: readonly SearchHit[] | undefined } | undefined> {
    if (!this.isOn) return undefined;
    const question = JSON.stringify([
      scope.workspaceId,
      scope.collectionIds ?? null,
      scope.connectionIds ?? null,
      request,
    ]);
    if (!this.#isSeenAgain(question)) return undefined;
    const hash = createHash('sha256')
      .update(question)
      .update(await generationOf(database, scope))
      .digest('hex');
    const key = `query:{${scope.workspaceId}:${hash.slice(0, 2)}}:${hash}`;
    const [value] = await this.#cache.getMany([key]);
    return { key, hits: decode(key, value) };
  }

  async keep(key: string, hits: readonly SearchHit[]): Promise<void> {
    const value = encode(key, hits);
    if (value.byteLength <= largestBytes) await this.#cache.setMany([{ key, value }], this.#secondsToLive);
  }

  #isSeenAgain(question: string): boolean {
    const hash = createHash('sha256').update(question).digest('base64');
    const again = this.#seen.delete(hash);
    this.#seen.add(hash);
    const oldest = this.#seen.values().next();
    if (this.#seen.size > rememberedQuestions && !oldest.done) this.#seen.delete(oldest.value);
    return again;
  }
}

/**
 * The state of a workspace `w`, whose id is $1: a sum of hashes over which collections there are and where each stands, in whatever
 * order, and without sorting them.
 */
export const generationExpression = `w.generation || ' ' || (
  SELECT coalesce(sum(hashtextextended(c.id::text, c.generation)), 0) FROM dbrag.collections c WHERE c.workspace_id = $1::uuid
)`;
const generationStatement = `SELECT ${generationExpression} AS generation FROM dbrag.workspaces w WHERE w.id = $1::uuid`;

async function generationOf(database: Database, scope: WorkspaceScope): Promise<string> {
  const values = [scope.workspaceId];
  const { rows } = database.ask
    ? await database.ask<{ generation: string }>(scope, generationStatement, values)
    : await database.inWorkspace(scope, (db) => db.query<{ generation: string }>(generationStatement, values));
  return rows[0]?.generation ?? '';
}

function encode(key: string, hits: readonly SearchHit[]): Buffer {
  return seal(key, Buffer.from(JSON.stringify(hits)));
}

function decode(key: string, value: Uint8Array | undefined): readonly SearchHit[] | undefined {
  const body = unseal(key, value);
  return body && (JSON.parse(Buffer.from(body).toString()) as readonly SearchHit[]);
}
