import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DueHeap } from '../../../infra/local/sqs/due-heap.ts';
import { FairOrder } from '../../../infra/local/sqs/fair-order.ts';
import { MessageIndex } from '../../../infra/local/sqs/message-index.ts';

test('the heap gives things in the order in which they fall due', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (dues) => {
      const heap = new DueHeap<number>();
      for (const due of dues) heap.push(due, due);
      heap.retain((due) => due % 3 !== 0);
      const given: number[] = [];
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) given.push(next.item);
      expect(given).toEqual(dues.filter((due) => due % 3 !== 0).sort((a, b) => a - b));
    }),
  );
});

describe('fair order', () => {
  const groups = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 });
  test('loses nothing, keeps the order in a group, and no group waits longer than one round', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 0, max: 5 }), (names, skip) => {
        const order = new FairOrder<{ group: string; at: number }>();
        const items = names.map((group, at) => ({ group: group as string, at }));
        for (const item of items) order.push(item);
        const given: typeof items = [];
        for (let item = order.shift(skip); item !== undefined; item = order.shift(skip)) given.push(item);
        expect([...given].sort((x, y) => x.at - y.at)).toEqual(items);
        const present = new Set(names).size;
        expect(new Set(given.slice(0, present).map(({ group }) => group)).size).toBe(present);
        if (skip === 0) {
          for (const group of new Set(names)) {
            const own = given.filter((item) => item.group === group).map(({ at }) => at);
            expect(own).toEqual([...own].sort((x, y) => x - y));
          }
        }
      }),
    );
  });
});

/** A model of a queue: when each message can be received again. */
const commands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      delay: fc.integer({ min: 0, max: 20 }),
      group: fc.constantFrom('a', 'b'),
    }),
    fc.record({ kind: fc.constant('take' as const), hide: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('change' as const), pick: fc.nat(), hide: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('pass' as const), time: fc.integer({ min: 0, max: 15 }) }),
  ),
  { maxLength: 200 },
);

test('the index agrees with a list of times, whatever happens', () => {
  fc.assert(
    fc.property(commands, (steps) => {
      const index = new MessageIndex();
      const visibleAt = new Map<number, number>();
      let now = 0;
      let sequence = 0;
      for (const step of steps) {
        if (step.kind === 'pass') now += step.time;
        if (step.kind === 'add') {
          sequence += 1;
          const visible_at = now + step.delay;
          index.add({ sequence, group_id: step.group, sent_at: now, visible_at, in_flight: 0, receive_count: 0 }, now);
          visibleAt.set(sequence, visible_at);
        }
        if (step.kind === 'take') {
          const entry = index.next(now);
          const ready = [...visibleAt].filter(([, at]) => at <= now).map(([key]) => key);
          expect(entry === undefined ? ready : ready.includes(entry.sequence)).toEqual(entry === undefined ? [] : true);
          if (entry !== undefined) {
            index.hide(entry, now + step.hide);
            visibleAt.set(entry.sequence, now + step.hide);
          }
        }
        if (step.kind === 'change' || step.kind === 'remove') {
          index.promote(now);
          const entry = index.get([...visibleAt.keys()][step.pick % Math.max(1, visibleAt.size)] ?? -1);
          if (entry === undefined) continue;
          if (step.kind === 'remove') {
            index.remove(entry);
            visibleAt.delete(entry.sequence);
          } else if (entry.state === 'in flight') {
            if (step.hide === 0) index.release(entry);
            else index.hide(entry, now + step.hide);
            visibleAt.set(entry.sequence, now + step.hide);
          }
        }
        const { visible, inFlight, delayed } = index.counts(now);
        expect(visible).toBe([...visibleAt.values()].filter((at) => at <= now).length);
        expect(visible + inFlight + delayed).toBe(visibleAt.size);
        const later = [...visibleAt.values()].filter((at) => at > now);
        expect(index.nextDue()).toBe(later.length === 0 ? undefined : Math.min(...later));
      }
    }),
    { numRuns: 300 },
  );
});
