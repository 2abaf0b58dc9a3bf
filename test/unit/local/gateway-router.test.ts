import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Router } from '../../../infra/local/gateway/router.ts';
import { localApi } from '../../support/local-functions.ts';

const router = new Router(
  localApi([
    { path: '/', method: 'ANY', functionName: 'root' },
    { path: '/{proxy+}', method: 'ANY', functionName: 'rest' },
    { path: '/v1/queries', method: 'POST', functionName: 'stream' },
    { path: '/v1/conversations/{id}/messages', method: 'POST', functionName: 'stream' },
    { path: '/v1/conversations/open', method: 'GET', functionName: 'fixed' },
  ]).routes,
);

const found = (method: string, path: string) => {
  const match = router.match(method, path);
  return match && [match.route.functionName, match.pathParameters];
};

describe('the router', () => {
  it.each([
    ['GET', '/', 'root', null],
    ['POST', '/v1/queries', 'stream', null],
    ['GET', '/v1/queries', 'rest', { proxy: 'v1/queries' }],
    ['GET', '/v1/queries/qry_1', 'rest', { proxy: 'v1/queries/qry_1' }],
    ['POST', '/v1/conversations/cnv_1/messages', 'stream', { id: 'cnv_1' }],
    ['POST', '/v1/conversations/open/messages', 'stream', { id: 'open' }],
    ['GET', '/v1/conversations/open', 'fixed', null],
    ['GET', '/v1/conversations/other', 'rest', { proxy: 'v1/conversations/other' }],
    ['GET', '/a%20b/c%2Fd', 'rest', { proxy: 'a b/c/d' }],
    ['GET', '/%E0%A4%A', 'rest', { proxy: '%E0%A4%A' }],
  ])('takes %s %s to %s', (method, path, name, parameters) => {
    expect(found(method, path)).toEqual([name, parameters]);
  });

  it.each(['TRACE', 'CONNECT', 'PROPFIND'])('takes ANY for no %s, which reaches no integration', (method) => {
    expect(found(method, '/v1/collections')).toBeUndefined();
  });

  it('finds nothing where no route is', () => {
    expect(new Router(localApi([{ path: '/v1/x', method: 'GET' }]).routes).match('POST', '/v1/x')).toBeUndefined();
    expect(new Router([]).match('GET', '/')).toBeUndefined();
  });

  it('finds a route for every path when one is greedy', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9%]+$/), { minLength: 1 }), (segments) => {
        expect(router.match('PUT', `/${segments.join('/')}`)?.route.functionName).toBe('rest');
      }),
    );
  });
});
