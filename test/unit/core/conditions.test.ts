import { describe, expect, it } from 'vitest';
import { Conditions } from '../../../shared/core/conditions.ts';
import { newUuid } from '../../../shared/core/ids.ts';

describe('conditions of a list', () => {
  it('stand in the statement only where they are asked for, each with the place of its value', () => {
    const conditions = new Conditions(['workspace', 11], 'workspace_id = $1');
    conditions.where((place) => `action = ${place}`, undefined);
    conditions.where((place) => `actor = ${place}`, 'key');
    conditions.also('answered');
    conditions.where((place) => `rating >= ${place}`, 0);
    expect(`${conditions}`).toBe('workspace_id = $1 AND actor = $3 AND answered AND rating >= $4');
    expect(conditions.values).toEqual(['workspace', 11, 'key', 0]);
  });

  it('go on after a row by the time in its id, and name the time alone for the partitions', () => {
    const time = new Date('2026-11-01T10:00:00.000Z');
    const id = newUuid(time.getTime());
    const conditions = new Conditions(['workspace']);
    conditions.olderThan('at', id);
    expect(`${conditions}`).toBe('at <= $2 AND (at, id) < ($3::timestamptz, $4::uuid)');
    expect(conditions.values).toEqual(['workspace', time, time, id]);
    const all = new Conditions(['workspace'], 'true');
    all.olderThan('at', undefined);
    expect(`${all}`).toBe('true');
  });
});
