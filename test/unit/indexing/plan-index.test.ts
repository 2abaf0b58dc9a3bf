import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FoundIndex, PartitionState } from '../../../shared/indexing/partition-state.ts';
import { planIndex } from '../../../shared/indexing/plan-index.ts';
import { predictBuild } from '../../../shared/indexing/predict-build.ts';

const now = new Date('2026-01-01T12:00:00Z');
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1_000);
const gigabyte = 1_073_741_824;

const state = (changes: Partial<PartitionState> = {}): PartitionState => ({
  partition: 'embeddings_00',
  rows: 50_000,
  largest: changes.rows ?? 50_000,
  dead_share: 0,
  inserted: 50_000,
  changed_since_analyze: 0,
  vacuumed_at: null,
  is_vacuuming: false,
  indexes: [],
  status: 'exact',
  kind: null,
  index_name: null,
  parameters: {},
  ef_search: 100,
  recall: null,
  last_inserted: 50_000,
  still_since: ago(600),
  started_at: null,
  built_at: null,
  build_seconds: null,
  checked_at: null,
  wanted_at: null,
  failures: 0,
  why: '',
  ...changes,
});
const index = (changes: Partial<FoundIndex> = {}): FoundIndex => ({
  name: 'one',
  kind: 'hnsw',
  valid: true,
  of_model: true,
  of_fallback: false,
  progress: null,
  ...changes,
});
const plan = (changes: Partial<PartitionState>, memoryBytes = gigabyte) =>
  planIndex(state(changes), { now, dimensions: 1_536, memoryBytes });

describe('the plan for a partition', () => {
  it.each<[string, Partial<PartitionState>, object]>([
    ['few vectors have no index', { rows: 19_999 }, { type: 'leave', status: 'exact' }],
    [
      'many have one, once it is quiet',
      {},
      { type: 'build', kind: 'hnsw', parameters: { m: 16, ef_construction: 200 } },
    ],
    [
      'none where nobody holds enough to be searched by it',
      { largest: 20_000 },
      { type: 'leave', status: 'exact', why: expect.stringContaining('20000 chunks') },
    ],
    ['nor a fifth of the rest', { rows: 150_000, largest: 29_000 }, { type: 'leave', status: 'exact' }],
    ['a fifth is enough', { rows: 150_000, largest: 30_000 }, { type: 'build' }],
    ['and so are three times the least', { rows: 310_000, largest: 60_001 }, { type: 'build' }],
    ['what no statistics tell is built', { largest: null }, { type: 'build' }],
    [
      'while they are loaded nobody is counted',
      { largest: 1, last_inserted: 49_000 },
      { type: 'leave', status: 'waiting' },
    ],
    [
      'one that nobody is searched by goes, once the largest is half of what it takes',
      { rows: 50_000, largest: 10_000, status: 'ready', index_name: 'one', indexes: [index()] },
      { type: 'drop', index: 'one' },
    ],
    [
      'and not before',
      { largest: 10_001, status: 'ready', index_name: 'one', indexes: [index()] },
      { type: 'leave', status: 'ready' },
    ],
    ['not while they are loaded', { last_inserted: 49_000 }, { type: 'leave', status: 'waiting' }],
    ['nor just after', { still_since: ago(60) }, { type: 'leave', status: 'waiting' }],
    [
      'nor before it was ever looked at',
      { last_inserted: null, still_since: null },
      { type: 'leave', status: 'waiting' },
    ],
    ['unless somebody asks', { rows: 10, last_inserted: 0, wanted_at: now }, { type: 'build' }],
    [
      'what is there stays',
      { status: 'ready', index_name: 'one', indexes: [index()] },
      { type: 'leave', status: 'ready', again: false },
    ],
    [
      'its dead rows are cleared away after the load, for which it is looked at again',
      { status: 'ready', index_name: 'one', indexes: [index()], dead_share: 0.21, still_since: ago(60) },
      { type: 'leave', status: 'ready', again: true },
    ],
    [
      'and so is what takes its place',
      {
        status: 'ready',
        index_name: 'one',
        indexes: [index()],
        recall: 0.9,
        ef_search: 400,
        parameters: { m: 16, ef_construction: 200 },
        still_since: ago(60),
      },
      { type: 'leave', status: 'ready', again: true },
    ],
    [
      'a running build is left alone',
      {
        status: 'building',
        index_name: 'one',
        indexes: [index({ valid: false, progress: { phase: 'x', done: 1, total: 4 } })],
      },
      { type: 'leave', status: 'building', why: 'Being built: x, 25 %.' },
    ],
    [
      'a broken one goes',
      { status: 'building', index_name: 'one', indexes: [index({ valid: false })] },
      { type: 'drop', index: 'one', failed: true },
    ],
    [
      'a finished one is noted',
      { status: 'building', index_name: 'one', started_at: ago(90), indexes: [index()] },
      { type: 'finish' },
    ],
    [
      'its predecessor then goes',
      { status: 'ready', index_name: 'two', indexes: [index(), index({ name: 'two' })] },
      { type: 'drop', index: 'one', failed: false },
    ],
    [
      'and serves until then',
      { status: 'building', index_name: 'two', started_at: ago(5), indexes: [index()] },
      { type: 'leave', status: 'building' },
    ],
    ['an index of another model goes', { indexes: [index({ of_model: false })] }, { type: 'drop' }],
    [
      'one of the second space stays, and does not stand for the first',
      { indexes: [index({ of_model: false, of_fallback: true })] },
      { type: 'build' },
    ],
    [
      'dead rows are cleared out of the index',
      { status: 'ready', index_name: 'one', indexes: [index()], dead_share: 0.21 },
      { type: 'reindex', index: 'one' },
    ],
    [
      'and again where the partition was vacuumed since it was built',
      {
        status: 'ready',
        index_name: 'one',
        indexes: [index()],
        dead_share: 0.21,
        started_at: ago(86_401),
        vacuumed_at: ago(800),
      },
      { type: 'reindex', index: 'one' },
    ],
    [
      'but not twice in a day: what a vacuum has left is held by a transaction',
      {
        status: 'ready',
        index_name: 'one',
        indexes: [index()],
        dead_share: 0.21,
        started_at: ago(86_399),
        vacuumed_at: ago(800),
      },
      { type: 'leave', status: 'ready', why: expect.stringContaining('still held by a transaction') },
    ],
    [
      'an index that was just rebuilt is not rebuilt for rows that only a vacuum clears away',
      {
        status: 'ready',
        index_name: 'one',
        indexes: [index()],
        dead_share: 0.21,
        started_at: ago(900),
        vacuumed_at: ago(1_000),
      },
      { type: 'vacuum' },
    ],
    [
      'nor while a vacuum is under way',
      { status: 'ready', index_name: 'one', indexes: [index()], dead_share: 0.21, is_vacuuming: true },
      { type: 'leave', status: 'ready' },
    ],
    [
      'nor a rebuild that somebody asks for meanwhile: it would cancel an autovacuum',
      { status: 'ready', index_name: 'one', indexes: [index()], wanted_at: ago(60), is_vacuuming: true },
      { type: 'leave', status: 'ready', why: expect.stringContaining('vacuumed'), again: true },
    ],
    [
      'nor a first build',
      { is_vacuuming: true },
      { type: 'leave', status: 'waiting', why: expect.stringContaining('vacuumed') },
    ],
    [
      'nor is an index dropped',
      { status: 'building', index_name: 'one', indexes: [index({ valid: false })], is_vacuuming: true },
      { type: 'leave', status: 'waiting' },
    ],
    [
      'a build that has ended is noted all the same',
      { status: 'building', index_name: 'one', indexes: [index()], is_vacuuming: true },
      { type: 'finish' },
    ],
    [
      'nor for ever where rebuilding fails',
      { status: 'failed', index_name: 'one', indexes: [index()], dead_share: 0.21, failures: 3 },
      { type: 'leave', status: 'ready' },
    ],
    [
      'recall that cannot be reached by signs asks for vectors',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw_binary',
        indexes: [index({ kind: 'hnsw_binary' })],
        recall: 0.9,
        ef_search: 400,
      },
      { type: 'build', kind: 'hnsw' },
    ],
    [
      'recall that a graph cannot reach asks for a denser one',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw',
        parameters: { m: 16, ef_construction: 64 },
        indexes: [index()],
        recall: 0.9,
        ef_search: 400,
      },
      { type: 'build', kind: 'hnsw', parameters: { m: 16, ef_construction: 200 } },
    ],
    [
      'and again',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw',
        parameters: { m: 16, ef_construction: 200 },
        indexes: [index()],
        recall: 0.9,
        ef_search: 400,
      },
      { type: 'build', kind: 'hnsw', parameters: { m: 24, ef_construction: 300 } },
    ],
    [
      'until there is none, which is said',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw',
        parameters: { m: 32, ef_construction: 400 },
        indexes: [index()],
        recall: 0.9,
        ef_search: 400,
      },
      { type: 'leave', status: 'ready', why: expect.stringContaining('90 %') },
    ],
    [
      'what was built denser is built so again',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw',
        parameters: { m: 24, ef_construction: 300 },
        indexes: [index()],
        wanted_at: now,
      },
      { type: 'build', kind: 'hnsw', parameters: { m: 24, ef_construction: 300 } },
    ],
    [
      'but first they are searched farther',
      {
        status: 'ready',
        index_name: 'one',
        kind: 'hnsw_binary',
        indexes: [index({ kind: 'hnsw_binary' })],
        recall: 0.9,
        ef_search: 150,
      },
      { type: 'leave', status: 'ready' },
    ],
    ['three failures are enough', { failures: 3 }, { type: 'leave', status: 'failed' }],
    [
      'a few less than the threshold keep what they have',
      { rows: 15_000, status: 'ready', index_name: 'one', indexes: [index()] },
      { type: 'leave', status: 'ready' },
    ],
    ['many less do not', { rows: 9_000, status: 'ready', index_name: 'one', indexes: [index()] }, { type: 'drop' }],
  ])('%s', (_, changes, action) => {
    expect(plan(changes)).toMatchObject(action);
  });

  it('takes the smaller index where the graph of the vectors does not fit, and none where neither does', () => {
    expect(plan({ rows: 300_000 }, 2 * gigabyte)).toMatchObject({ type: 'build', kind: 'hnsw' });
    expect(plan({ rows: 300_000 }, gigabyte)).toMatchObject({ type: 'build', kind: 'hnsw_binary' });
    expect(plan({ rows: 300_000 }, gigabyte / 10)).toMatchObject({ type: 'leave', status: 'refused' });
    expect(plan({ rows: 200_000_000 }, 1_000 * gigabyte)).toMatchObject({ type: 'leave', status: 'refused' });
  });

  it('never builds while one is being built, never more than fits, and always says why', () => {
    const found = fc.record({
      name: fc.constantFrom('one', 'two'),
      kind: fc.constantFrom('hnsw' as const, 'hnsw_binary' as const),
      valid: fc.boolean(),
      of_model: fc.boolean(),
      of_fallback: fc.boolean(),
      progress: fc.constantFrom(null, { phase: 'building', done: 1, total: 2 }),
    });
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.integer({ min: 0, max: 5_000_000 }),
          largest: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 5_000_000 })),
          indexes: fc.array(found, { maxLength: 3 }),
          status: fc.constantFrom('exact', 'waiting', 'building', 'ready', 'refused', 'failed'),
          index_name: fc.constantFrom(null, 'one', 'two'),
          dead_share: fc.double({ min: 0, max: 1, noNaN: true }),
          failures: fc.integer({ min: 0, max: 5 }),
          recall: fc.constantFrom(null, 0.5, 0.97, 1),
          parameters: fc.constantFrom(
            {},
            { m: 16, ef_construction: 64 },
            { m: 16, ef_construction: 200 },
            { m: 32, ef_construction: 400 },
          ),
          ef_search: fc.constantFrom(100, 400),
          started_at: fc.constantFrom(null, ago(5), ago(500)),
          vacuumed_at: fc.constantFrom(null, ago(3), ago(400)),
          is_vacuuming: fc.boolean(),
        }),
        fc.integer({ min: 1_000_000, max: 100 * gigabyte }),
        (changes, memoryBytes) => {
          const action = plan(changes as Partial<PartitionState>, memoryBytes);
          if (changes.indexes.some(({ progress }) => progress))
            expect(action).toMatchObject({ type: 'leave', status: 'building' });
          if (action.type === 'build') {
            expect(predictBuild(action.kind, changes.rows, 1_536, action.parameters).memoryBytes).toBeLessThanOrEqual(
              memoryBytes,
            );
            expect(action.why).not.toBe('');
          }
          if (changes.is_vacuuming) expect(['leave', 'finish']).toContain(action.type);
          if (action.type === 'leave' && action.status !== 'ready') expect(action.why).not.toBe('');
        },
      ),
    );
  });
});
