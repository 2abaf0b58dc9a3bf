import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cache, noCache } from '../core/cache.ts';
import type { AnsweredQuery } from './answered-query.ts';
import { isWorthKnowing, type KnownAnswer, packAnswer, unpackAnswer } from './known-answer.ts';
import type { LegQuestion } from './leg.ts';

/** Everything that an answer depends on. */
export interface AnswerIdentity extends Omit<LegQuestion, 'apiKeyId' | 'subjectId' | 'tokenBudget'> {
  readonly route: string;
  readonly reasoning: string;
  readonly chatModel: string;
  /** Of the legs that may be asked. */
  readonly legs: readonly string[];
  /** Of `openQuestion`. */
  readonly state: string;
}

/** Bumped when the same question is to be answered otherwise: by another prompt, or another way of searching. */
const answering = 2;

/** Holds hashes and the workspace, never text; keys of a workspace are spread over 256 slots. */
export function answerKey(identity: AnswerIdentity): string {
  const { workspaceId, narrowing, collectionIds, question, filter, limit, route, reasoning, chatModel, legs, state } =
    identity;
  const ids = (list: readonly string[] | null) => list?.toSorted() ?? null;
  const named = [
    answering,
    ids(narrowing.collectionIds),
    ids(narrowing.connectionIds),
    ids(collectionIds),
    question,
    filter,
    limit,
    route,
    reasoning,
    chatModel,
    legs,
    state,
  ];
  const hex = createHash('sha256').update(JSON.stringify(named)).digest('hex');
  return `query:{${workspaceId}:${hex.slice(0, 2)}}:${hex}`;
}

/** A place in the line of those who ask the same: the answer, or the task of finding it. */
export type Turn =
  | { readonly known: KnownAnswer }
  | { readonly known: undefined; settle(answered: AnsweredQuery): Promise<void>; leave(): void };

/** Answers in the process: at most 10 MB. */
const remembered = 100;
/** A request that waits longer than this for another's answer computes its own. */
const longestWaitMilliseconds = 10_000;

/**
 * Answers by the state of the documents that they were read from, in the process and in the cache, and each question asked once at a
 * time in this process. One for the life of a process.
 */
export class AnswerCache {
  private readonly cache: Cache;
  private readonly secondsToLive: number;
  private readonly memory = new Map<string, { readonly value: Uint8Array; readonly until: number }>();
  private readonly asking = new Map<string, Promise<KnownAnswer | undefined>>();

  constructor(cache: Cache, secondsToLive: number) {
    this.cache = cache;
    this.secondsToLive = secondsToLive;
  }

  /** Whether there is a cache: what only this process remembers is known by chance. */
  get isOn(): boolean {
    return this.cache !== noCache;
  }

  /** A caller that gets the task must leave its turn in any case, whether or not it settled an answer. */
  async take(key: string): Promise<Turn> {
    const others = this.asking.get(key);
    const theirs = others && (await within(longestWaitMilliseconds, others));
    if (theirs) return { known: theirs };
    const own = Promise.withResolvers<KnownAnswer | undefined>();
    if (!this.asking.has(key)) this.asking.set(key, own.promise);
    const leave = (known?: KnownAnswer): void => {
      own.resolve(known);
      if (this.asking.get(key) === own.promise) this.asking.delete(key);
    };
    const known = await this.find(key);
    if (known) {
      leave(known);
      return { known };
    }
    return {
      known: undefined,
      settle: async (answered) => {
        const value = isWorthKnowing(answered) ? packAnswer(key, answered) : undefined;
        leave(unpackAnswer(key, value));
        if (value) await this.keep(key, value);
      },
      leave,
    };
  }

  private async find(key: string): Promise<KnownAnswer | undefined> {
    const here = this.memory.get(key);
    if (here && here.until > Date.now()) return unpackAnswer(key, here.value);
    const [value] = await this.cache.getMany([key]);
    return unpackAnswer(key, value);
  }

  private async keep(key: string, value: Uint8Array): Promise<void> {
    this.memory.delete(key);
    this.memory.set(key, { value, until: Date.now() + this.secondsToLive * 1_000 });
    const oldest = this.memory.keys().next();
    if (this.memory.size > remembered && !oldest.done) this.memory.delete(oldest.value);
    await this.cache.setMany([{ key, value }], this.secondsToLive);
  }
}

/** The value of a promise if it resolves in time; undefined if it does not, or fails. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: over.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    over.abort();
  }
}
