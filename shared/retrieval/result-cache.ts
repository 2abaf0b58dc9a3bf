import { createHash } from 'node:crypto';
import type { Cache } from '../core/cache.ts';
import type { Database, WorkspaceScope } from '../core/database.ts';
import { seal, unseal } from '../core/sealed-value.ts';

/** Larger answers would push many smaller ones out, and take longer to read than a search takes. */
const largestBytes = 100_000;
/** Questions whose first asking is remembered. */
const rememberedQuestions = 5_000;
/** Of answers kept in the process. */
const largestSum = 8_000_000;

/**
 * Hits of questions that come again. Their key names the state of the workspace that they were read at, by the generations that every
 * swap, deletion and change of permissions raises; those are read from the database before the hits, so hits are never older than
 * what their key says, and an older key is never asked for again. A value begins with a digest over its key: what somebody else put
 * there is a miss.
 *
 * A question that this process sees for the first time costs the cache nothing: most never come again. What it has once had it keeps for
 * a while: the key says whether it still holds, so a process that knows an answer asks nobody but the database, and nothing is read or
 * written anew of answers that are kept as they are shown.
 */
export class ResultCache {
  readonly #cache: Cache;
  readonly #secondsToLive: number;
  readonly #seen = new Set<string>();
  readonly #near: NearAnswers;

  /** @param secondsToLive 0: nothing is kept */
  constructor(cache: Cache, secondsToLive: number) {
    this.#cache = cache;
    this.#secondsToLive = secondsToLive;
    this.#near = new NearAnswers(secondsToLive * 1_000);
  }

  get isOn(): boolean {
    return this.#secondsToLive > 0;
  }

  /**
   * @param request everything that decides about the hits and their form, the caller's narrowing as well
   * @returns the key to keep the answer under, and the answer if it is known; undefined when this question is not looked up
   */
  async find(
    database: Database,
    scope: WorkspaceScope,
    request: unknown,
  ): Promise<{ readonly key: string; readonly answer: string | undefined } | undefined> {
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
    const near = this.#near.find(key);
    if (near !== undefined) return { key, answer: near };
    const [value] = await this.#cache.getMany([key]);
    const body = unseal(key, value);
    const answer = body && Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
    if (answer !== undefined) this.#near.keep(key, answer);
    return { key, answer };
  }

  async keep(key: string, answer: string): Promise<void> {
    const value = seal(key, Buffer.from(answer));
    if (value.byteLength > largestBytes) return;
    this.#near.keep(key, answer);
    await this.#cache.setMany([{ key, value }], this.#secondsToLive);
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

/** The answers that this process had last, by key. */
class NearAnswers {
  readonly #milliseconds: number;
  readonly #known = new Map<string, { readonly answer: string; readonly until: number }>();
  #sum = 0;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  find(key: string): string | undefined {
    const known = this.#known.get(key);
    if (known === undefined) return undefined;
    if (known.until > Date.now()) return known.answer;
    this.#forget(key);
    return undefined;
  }

  keep(key: string, answer: string): void {
    this.#forget(key);
    this.#known.set(key, { answer, until: Date.now() + this.#milliseconds });
    this.#sum += answer.length;
    // A Map keeps the order of insertion: the oldest go first.
    for (const oldest of this.#known.keys()) {
      if (this.#sum <= largestSum) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#sum -= this.#known.get(key)?.answer.length ?? 0;
    this.#known.delete(key);
  }
}
