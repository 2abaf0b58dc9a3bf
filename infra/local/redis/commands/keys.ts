import { RedisError, type Reply, StatusReply, syntaxError } from '../protocol/reply.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { bytesAt, bytesToBuffer, integerAt, keywordAt } from './arguments.ts';
import { type CommandContext, command } from './command.ts';
import { deadlineFrom, EXPIRY_UNITS, type ExpiryUnit } from './expiry-options.ts';
import { globMatcher } from './glob.ts';

function deleteAll({ keyspace }: CommandContext, args: readonly Buffer[]): Reply {
  return args.reduce((count, key) => count + (keyspace.delete(key.toString('latin1')) ? 1 : 0), 0);
}

function isAllowed(condition: string | undefined, old: number | null, deadline: number): boolean {
  if (condition === 'NX') return old === null;
  if (condition === 'XX') return old !== null;
  // No deadline counts as endless, as in Redis: GT never applies to it, LT always does.
  if (condition === 'GT') return old !== null && deadline > old;
  if (condition === 'LT') return old === null || deadline < old;
  if (condition === undefined) return true;
  throw new RedisError(`ERR Unsupported option ${condition}`);
}

function conditionOf(words: string[]): string[] {
  const exclusive = words.includes('NX') && words.length > 1;
  if (exclusive) throw new RedisError('ERR NX and XX, GT or LT options at the same time are not compatible');
  if (words.includes('GT') && words.includes('LT')) {
    throw new RedisError('ERR GT and LT options at the same time are not compatible');
  }
  return words;
}

function expire(name: string, unit: ExpiryUnit) {
  return ({ keyspace }: CommandContext, args: readonly Buffer[]): Reply => {
    const key = bytesAt(args, 0);
    const deadline = deadlineFrom(integerAt(args, 1), unit, keyspace.now(), name);
    const conditions = conditionOf(args.slice(2).map((_, position) => keywordAt(args, position + 2)));
    const old = keyspace.deadline(key);
    if (old === undefined) return 0;
    if (!conditions.every((condition) => isAllowed(condition, old, deadline))) return 0;
    keyspace.setDeadline(key, deadline);
    return 1;
  };
}

/** Milliseconds left, -1 without a deadline, -2 without a key. */
function timeLeft(keyspace: Keyspace, key: string): number {
  const deadline = keyspace.deadline(key);
  return deadline === undefined ? -2 : deadline === null ? -1 : deadline - keyspace.now();
}

interface ScanOptions {
  pattern?: string;
  count: number;
  type?: string;
}

function scanOptions(args: readonly Buffer[]): ScanOptions {
  const options: ScanOptions = { count: 10 };
  for (let position = 1; position < args.length; position += 2) {
    const word = keywordAt(args, position);
    if (word === 'MATCH') options.pattern = bytesAt(args, position + 1);
    else if (word === 'TYPE') options.type = bytesAt(args, position + 1).toLowerCase();
    else if (word === 'COUNT') options.count = integerAt(args, position + 1);
    else throw syntaxError();
  }
  if (options.count < 1) throw syntaxError();
  return options;
}

/**
 * The cursor is a position in a snapshot of the keys that the first call took, so a key that stays is always seen, as
 * Redis promises. Snapshots are few and are dropped when read to their end, or when too many are open.
 */
class ScanSnapshots {
  readonly #snapshots = new Map<number, string[]>();
  #nextId = 1;

  static readonly #MAX_OPEN = 64;
  static readonly #CURSORS_PER_SNAPSHOT = 2 ** 32;

  open(keys: string[]): number {
    if (this.#snapshots.size >= ScanSnapshots.#MAX_OPEN) {
      this.#snapshots.delete(this.#snapshots.keys().next().value as number);
    }
    const id = this.#nextId;
    this.#nextId = (this.#nextId % 1_000_000) + 1;
    this.#snapshots.set(id, keys);
    return id * ScanSnapshots.#CURSORS_PER_SNAPSHOT;
  }

  /** The next keys and the next cursor, 0 at the end; a cursor of a dropped snapshot is at its end. */
  read(cursor: number, count: number): { keys: string[]; next: number } {
    const id = Math.floor(cursor / ScanSnapshots.#CURSORS_PER_SNAPSHOT);
    const from = cursor % ScanSnapshots.#CURSORS_PER_SNAPSHOT;
    const keys = this.#snapshots.get(id) ?? [];
    const done = from + count >= keys.length;
    if (done) this.#snapshots.delete(id);
    return { keys: keys.slice(from, from + count), next: done ? 0 : cursor + count };
  }
}

const snapshotsOf = new WeakMap<Keyspace, ScanSnapshots>();

function scan({ keyspace }: CommandContext, args: readonly Buffer[]): Reply {
  if (!/^\d{1,16}$/.test(bytesAt(args, 0))) throw new RedisError('ERR invalid cursor');
  const options = scanOptions(args);
  const snapshots = snapshotsOf.get(keyspace) ?? new ScanSnapshots();
  snapshotsOf.set(keyspace, snapshots);
  const cursor = Number(bytesAt(args, 0)) || snapshots.open([...keyspace.keys()]);
  const { keys, next } = snapshots.read(cursor, options.count);
  const matches = options.pattern === undefined ? () => true : globMatcher(options.pattern);
  const found = keys.filter((key) => {
    const value = keyspace.get(key);
    return value && matches(key) && (options.type === undefined || options.type === value.type);
  });
  return [String(next), found.map(bytesToBuffer)];
}

export const keyCommands = [
  command('del', -2, deleteAll),
  command('unlink', -2, deleteAll),
  command('exists', -2, ({ keyspace }, args) => args.filter((key) => keyspace.get(key.toString('latin1'))).length),
  command('expire', -3, expire('expire', EXPIRY_UNITS.EX as ExpiryUnit)),
  command('pexpire', -3, expire('pexpire', EXPIRY_UNITS.PX as ExpiryUnit)),
  command('expireat', -3, expire('expireat', EXPIRY_UNITS.EXAT as ExpiryUnit)),
  command('pexpireat', -3, expire('pexpireat', EXPIRY_UNITS.PXAT as ExpiryUnit)),
  command('pttl', 2, ({ keyspace }, args) => timeLeft(keyspace, bytesAt(args, 0))),
  command('ttl', 2, ({ keyspace }, args) => {
    const left = timeLeft(keyspace, bytesAt(args, 0));
    return left < 0 ? left : Math.floor((left + 500) / 1000);
  }),
  command('persist', 2, ({ keyspace }, args) => {
    if (typeof keyspace.deadline(bytesAt(args, 0)) !== 'number') return 0;
    keyspace.setDeadline(bytesAt(args, 0), undefined);
    return 1;
  }),
  command('type', 2, ({ keyspace }, args) => new StatusReply(keyspace.get(bytesAt(args, 0))?.type ?? 'none')),
  command('keys', 2, ({ keyspace }, args) =>
    [...keyspace.keys()].filter(globMatcher(bytesAt(args, 0))).map(bytesToBuffer),
  ),
  command('scan', -2, scan),
];
