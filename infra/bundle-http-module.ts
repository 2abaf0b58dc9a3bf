import type { Plugin } from 'esbuild';

/** Without what brings fetch along: `WebSocket`, `CloseEvent` and `MessageEvent`. */
const names = [
  ...[
    'Agent',
    'ClientRequest',
    'IncomingMessage',
    'METHODS',
    'OutgoingMessage',
    'STATUS_CODES',
    'Server',
    'ServerResponse',
  ],
  ...['createServer', 'get', 'globalAgent', 'maxHeaderSize', 'request', 'validateHeaderName', 'validateHeaderValue'],
];

const module = [
  "const http = process.getBuiltinModule('node:http');",
  'export default http;',
  `export const { ${names.join(', ')} } = http;`,
].join('\n');

/**
 * `node:http` without its import as an ES module, which reads every export at once; three of them load undici when they are read, a tenth
 * of what a cold start takes.
 */
export const httpModule: Plugin = {
  name: 'http-module',
  setup(build) {
    build.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' || kind === 'dynamic-import' ? { path: 'http', namespace: 'http-module' } : undefined,
    );
    build.onLoad({ filter: /./, namespace: 'http-module' }, () => ({ contents: module, loader: 'js' }));
  },
};
