import { RedisError, type Reply, syntaxError } from '../protocol/reply.ts';
import type { ScoredMember } from '../storage/sorted-set.ts';
import { SortedSetValue, slicePositions } from '../storage/values.ts';
import { bytesAt, bytesToBuffer, floatOf, formatScore, integerAt, keywordAt } from './arguments.ts';
import { type CommandContext, command } from './command.ts';

const ADD_OPTIONS = new Set(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR']);

function sortedSetAt({ keyspace }: CommandContext, args: readonly Buffer[]): SortedSetValue | undefined {
  return keyspace.getTyped(bytesAt(args, 0), 'zset');
}

interface AddPlan {
  readonly options: ReadonlySet<string>;
  readonly pairs: { member: string; score: number }[];
}

function parseAdd(args: readonly Buffer[]): AddPlan {
  const options = new Set<string>();
  let position = 1;
  while (position < args.length && ADD_OPTIONS.has(keywordAt(args, position))) options.add(keywordAt(args, position++));
  const rest = args.length - position;
  if (rest === 0 || rest % 2 !== 0) throw syntaxError();
  if (options.has('NX') && options.has('XX')) {
    throw new RedisError('ERR XX and NX options at the same time are not compatible');
  }
  if (['GT', 'LT', 'NX'].filter((word) => options.has(word)).length > 1) {
    throw new RedisError('ERR GT, LT, and/or NX options at the same time are not compatible');
  }
  if (options.has('INCR') && rest > 2) throw new RedisError('ERR INCR option supports a single increment-element pair');
  const pairs = [];
  for (; position < args.length; position += 2) {
    pairs.push({ score: floatOf(bytesAt(args, position)), member: bytesAt(args, position + 1) });
  }
  return { options, pairs };
}

function applies(options: ReadonlySet<string>, old: number | undefined, score: number): boolean {
  if (old === undefined) return !options.has('XX');
  if (options.has('NX')) return false;
  if (options.has('GT')) return score > old;
  return options.has('LT') ? score < old : true;
}

function add(context: CommandContext, args: readonly Buffer[]): Reply {
  const { options, pairs } = parseAdd(args);
  const key = bytesAt(args, 0);
  const existing = sortedSetAt(context, args);
  const set = existing ?? new SortedSetValue();
  let added = 0;
  let changed = 0;
  let result: number | undefined;
  for (const { member, score } of pairs) {
    const old = set.score(member);
    const next = options.has('INCR') ? (old ?? 0) + score : score;
    if (Number.isNaN(next)) throw new RedisError('ERR resulting score is not a number (NaN)');
    if (!applies(options, old, next)) continue;
    result = next;
    if (set.set(member, next)) added += 1;
    else if (old !== next) changed += 1;
  }
  if (!existing && set.size > 0) context.keyspace.set(key, set);
  else if (added + changed > 0) context.keyspace.changed(key);
  if (options.has('INCR')) return result === undefined ? null : formatScore(result);
  return options.has('CH') ? added + changed : added;
}

function incrementBy(context: CommandContext, args: readonly Buffer[]): Reply {
  const [key, amount, member] = args as [Buffer, Buffer, Buffer];
  return add(context, [key, Buffer.from('INCR'), amount, member]);
}

/** A test for a score bound: `5`, `(5` (excluded), `-inf`. */
function scoreBound(text: string, side: 'min' | 'max'): (score: number) => boolean {
  const excluded = text.startsWith('(');
  const bound = floatOf(excluded ? text.slice(1) : text, 'ERR min or max is not a float');
  if (side === 'min') return excluded ? (score) => score > bound : (score) => score >= bound;
  return excluded ? (score) => score < bound : (score) => score <= bound;
}

function betweenScores(set: SortedSetValue | undefined, min: string, max: string): ScoredMember[] {
  const above = scoreBound(min, 'min');
  const below = scoreBound(max, 'max');
  return (set?.ordered() ?? []).filter(({ score }) => above(score) && below(score));
}

interface RangeOptions {
  byScore: boolean;
  reversed: boolean;
  withScores: boolean;
  limit?: { offset: number; count: number };
}

function rangeOptions(args: readonly Buffer[], from: number, allowed: readonly string[]): RangeOptions {
  const options: RangeOptions = { byScore: false, reversed: false, withScores: false };
  for (let position = from; position < args.length; position++) {
    const word = keywordAt(args, position);
    if (!allowed.includes(word)) throw syntaxError();
    if (word === 'BYSCORE') options.byScore = true;
    else if (word === 'REV') options.reversed = true;
    else if (word === 'WITHSCORES') options.withScores = true;
    else {
      options.limit = { offset: integerAt(args, position + 1), count: integerAt(args, position + 2) };
      position += 2;
    }
  }
  return options;
}

function limited<T>(items: T[], limit: RangeOptions['limit']): T[] {
  if (!limit) return items;
  if (limit.offset < 0) return [];
  return items.slice(limit.offset, limit.count < 0 ? undefined : limit.offset + limit.count);
}

function shown(members: ScoredMember[], withScores: boolean): Reply {
  return members.flatMap(({ member, score }) =>
    withScores ? [bytesToBuffer(member), formatScore(score)] : [bytesToBuffer(member)],
  );
}

function range(context: CommandContext, args: readonly Buffer[], presetReversed = false): Reply {
  const allowed = presetReversed ? ['WITHSCORES'] : ['BYSCORE', 'REV', 'WITHSCORES', 'LIMIT'];
  const options = rangeOptions(args, 3, allowed);
  const reversed = options.reversed || presetReversed;
  const set = sortedSetAt(context, args);
  if (options.byScore) {
    const [min, max] = reversed ? [bytesAt(args, 2), bytesAt(args, 1)] : [bytesAt(args, 1), bytesAt(args, 2)];
    const found = betweenScores(set, min, max);
    return shown(limited(reversed ? found.reverse() : found, options.limit), options.withScores);
  }
  if (options.limit) {
    throw new RedisError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  }
  const members = reversed ? [...(set?.ordered() ?? [])].reverse() : (set?.ordered() ?? []);
  const [from, to] = slicePositions(integerAt(args, 1), integerAt(args, 2), members.length);
  return shown(members.slice(from, to), options.withScores);
}

function rangeByScore(context: CommandContext, args: readonly Buffer[]): Reply {
  const options = rangeOptions(args, 3, ['WITHSCORES', 'LIMIT']);
  const found = betweenScores(sortedSetAt(context, args), bytesAt(args, 1), bytesAt(args, 2));
  return shown(limited(found, options.limit), options.withScores);
}

function removeAll(context: CommandContext, key: string, members: Iterable<string>): number {
  const set = context.keyspace.getTyped(key, 'zset');
  let removed = 0;
  for (const member of members) if (set?.delete(member)) removed += 1;
  if (removed > 0) context.keyspace.changed(key);
  return removed;
}

function removeByScore(context: CommandContext, args: readonly Buffer[]): Reply {
  const found = betweenScores(sortedSetAt(context, args), bytesAt(args, 1), bytesAt(args, 2));
  return removeAll(
    context,
    bytesAt(args, 0),
    found.map(({ member }) => member),
  );
}

function removeByRank(context: CommandContext, args: readonly Buffer[]): Reply {
  const members = sortedSetAt(context, args)?.ordered() ?? [];
  const [from, to] = slicePositions(integerAt(args, 1), integerAt(args, 2), members.length);
  return removeAll(
    context,
    bytesAt(args, 0),
    members.slice(from, to).map(({ member }) => member),
  );
}

export const sortedSetCommands = [
  command('zadd', -4, add, { grows: true }),
  command('zincrby', 4, incrementBy, { grows: true }),
  command('zrem', -3, (context, args) =>
    removeAll(
      context,
      bytesAt(args, 0),
      args.slice(1).map((member) => member.toString('latin1')),
    ),
  ),
  command('zrange', -4, (context, args) => range(context, args)),
  command('zrevrange', -4, (context, args) => range(context, args, true)),
  command('zrangebyscore', -4, rangeByScore),
  command('zremrangebyscore', 4, removeByScore),
  command('zremrangebyrank', 4, removeByRank),
  command(
    'zcount',
    4,
    (context, args) => betweenScores(sortedSetAt(context, args), bytesAt(args, 1), bytesAt(args, 2)).length,
  ),
  command('zcard', 2, (context, args) => sortedSetAt(context, args)?.size ?? 0),
  command('zscore', 3, (context, args) => {
    const score = sortedSetAt(context, args)?.score(bytesAt(args, 1));
    return score === undefined ? null : formatScore(score);
  }),
];
