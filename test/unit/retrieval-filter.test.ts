import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DbragError } from '../../shared/core/errors.ts';
import { compileFilter, type Filter } from '../../shared/retrieval/filter.ts';

describe('a filter', () => {
  it.each<[Filter, string]>([
    [{ type: 'eq', key: 'kind', value: 'book' }, '($.metadata."kind" == "book")'],
    [{ type: 'gte', key: 'year', value: -3.5 }, '($.metadata."year" >= -3.5)'],
    [{ type: 'eq', key: 'name', value: 'x' }, '($.name == "x")'],
    [{ type: 'eq', key: 'done', value: true }, '($.metadata."done" == true)'],
    [{ type: 'lt', key: 'created_at', value: '1970-01-01T00:01:00Z' }, '($.created_at < 60)'],
    [{ type: 'lt', key: 'created_at', value: 60 }, '($.created_at < 60)'],
    [
      { type: 'eq', key: 'document_id', value: 'doc_0198c0de000070008000000000000001' },
      '($.document_id == "0198c0de-0000-7000-8000-000000000001")',
    ],
    [{ type: 'in', key: 'a', value: [1, 'b'] }, '(($.metadata."a" == 1) || ($.metadata."a" == "b"))'],
    [{ type: 'and', filters: [] }, '(1 == 1)'],
    [{ type: 'in', key: 'a', value: [] }, '(1 == 0)'],
  ])('%j becomes %s', (filter, predicate) => {
    expect(compileFilter(filter)).toBe(predicate);
  });

  it('cannot leave its literals, whatever the key and the value hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, value) => {
        fc.pre(
          !`${key}${value}`.includes('\0') &&
            !['document_id', 'name', 'source_uri', 'content_type', 'created_at'].includes(key),
        );
        const predicate = compileFilter({ type: 'eq', key, value });
        // What is left when JSON strings are taken out is the frame and nothing else.
        expect(predicate.replace(/"(?:[^"\\]|\\.)*"/gs, 'S')).toBe('($.metadata.S == S)');
      }),
    );
  });

  const nested = (depth: number): Filter =>
    depth === 0 ? { type: 'eq', key: 'a', value: 1 } : { type: 'and', filters: [nested(depth - 1)] };

  it.each<[Filter, string]>([
    [nested(8), '/filter/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0'],
    [{ type: 'or', filters: Array.from({ length: 100 }, () => nested(0)) }, '/filter'],
    [{ type: 'and', filters: [{ type: 'gt', key: 'created_at', value: 'tomorrow' }] }, '/filter/filters/0/value'],
    [{ type: 'gt', key: 'created_at', value: true }, '/filter/value'],
    [{ type: 'in', key: 'x', value: [1, Number.NaN] }, '/filter/value/1'],
    [{ type: 'eq', key: 'x', value: 'a\0b' }, '/filter/value'],
    [{ type: 'eq', key: 'x', value: 'a\ud800b' }, '/filter/value'],
    [{ type: 'eq', key: 'a\0b', value: 1 }, '/filter/key'],
  ])('that is refused says where: %#', (filter, pointer) => {
    let thrown: unknown;
    try {
      compileFilter(filter);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DbragError);
    expect(thrown).toMatchObject({ code: 'validation_failed', errors: [{ pointer }] });
  });
});
