import type { Clock } from '../core/clock.ts';
import type { Database, Db, WorkspaceScope } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { hasReached, onceReached, type SearchState } from './search-state.ts';

/** What came of asking: `behind` has not replayed yet what the database has committed. */
export type ReaderOutcome = 'answered' | 'behind' | 'failed';

export type Asking = NonNullable<Database['ask']>;

/** How a search is done. */
export interface SearchWays<T> {
  /** By one statement that everybody in the workspace may ask; undefined when it gave too little. */
  readonly short?: ((ask: Asking) => Promise<T | undefined>) | undefined;
  readonly long: (db: Db) => Promise<T>;
}

/** One that failed is left alone for so long: about the time that an instance takes to start anew. */
const restMilliseconds = 30_000;
/** Of so many workspaces at once no search failed by itself: the reader hangs. */
const mostResting = 4;

/**
 * A copy of the database that follows it by some milliseconds and takes the work of searches from it. It answers only when it has come
 * as far as the database had when the search began, so that nobody can tell it from the database; otherwise the search goes there.
 */
export class SearchReader {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #onAsked: (outcome: ReaderOutcome, error?: unknown) => void;
  #restsUntil = 0;
  /** Until when it rests for a workspace, by its id. */
  readonly #restsFor = new Map<string, number>();

  constructor(database: Database, clock: Clock, onAsked: (outcome: ReaderOutcome, error?: unknown) => void) {
    this.#database = database;
    this.#clock = clock;
    this.#onAsked = onAsked;
  }

  /** Whether it is worth asking for a workspace. */
  isAwakeFor(workspaceId: string): boolean {
    const now = this.#clock.now().getTime();
    return now >= this.#restsUntil && now >= (this.#restsFor.get(workspaceId) ?? 0);
  }

  /** Whether the reader has the short way. */
  get asks(): boolean {
    return this.#database.ask !== undefined;
  }

  /**
   * Reads in one transaction of the reader, after a look at how far that has come: every statement sees what the one before it saw.
   * @param state of the database, read there since the search began
   * @returns undefined when the database itself must be asked
   * @throws what is the caller's own fault
   */
  async read<T>(
    scope: WorkspaceScope,
    collectionIds: readonly string[] | null,
    state: SearchState,
    { short, long }: SearchWays<T>,
  ): Promise<T | undefined> {
    try {
      const quickly = await short?.(this.#askOnceReached(state));
      if (quickly !== undefined) {
        this.#onAsked('answered');
        return quickly;
      }
      const found = await this.#database.inWorkspace(scope, async (db) =>
        (await hasReached(db, scope.workspaceId, collectionIds, state)) ? { result: await long(db) } : undefined,
      );
      this.#onAsked(found ? 'answered' : 'behind');
      return found?.result;
    } catch (error) {
      if (error instanceof DbragError && error.status < 500) throw error;
      this.#rest(scope.workspaceId, error);
      this.#onAsked('failed', error);
      return undefined;
    }
  }

  /** One question that is slow, or a busy moment, must not take the reader from every other workspace. */
  #rest(workspaceId: string, error: unknown): void {
    const now = this.#clock.now().getTime();
    if (!isOfReader(error)) {
      for (const [each, until] of this.#restsFor) if (until <= now) this.#restsFor.delete(each);
      this.#restsFor.set(workspaceId, now + restMilliseconds);
      if (this.#restsFor.size < mostResting) return;
    }
    this.#restsFor.clear();
    this.#restsUntil = now + restMilliseconds;
  }

  #askOnceReached(state: SearchState): Asking {
    return (scope, text, values, options) => {
      const { ask } = this.#database;
      if (!ask) throw new Error('This reader has no short way.');
      const whole = onceReached(text, values, scope.workspaceId, state);
      return ask(scope, whole.text, whole.values, options);
    };
  }
}

/**
 * Whether an error tells of the reader and not of one search: a lost connection, refused credentials, or what the reader lacks while a
 * deployment is replayed and the code wants it already.
 */
function isOfReader(error: unknown): boolean {
  if (error instanceof DbragError) return error.code === 'database_resuming' || error.code === 'internal';
  const { code } = error as { code?: unknown };
  // Classes of SQLSTATE: data that a statement cannot take, resources, a limit of the server.
  return !(typeof code === 'string' && /^(22|53|54)...$/.test(code));
}
