import { readFile } from 'node:fs/promises';
import { taskRoot } from '../../shared/core/config.ts';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dbrag API</title>
</head>
<body>
<div id="reference"></div>
<script src="docs/reference.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

/** Nothing is fetched from or sent to other hosts: the service may run without access to the internet. */
const start = `Scalar.createApiReference('#reference', { url: 'openapi.json', withDefaultFonts: false, telemetry: false, proxyUrl: '',
  showDeveloperTools: 'never', agent: { disabled: true }, mcp: { disabled: true } });
`;

const policy =
  "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

export function documentationPage(): Response {
  return new Response(page, {
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy },
  });
}

export function documentationStart(): Response {
  return new Response(start, { headers: { 'content-type': 'text/javascript; charset=utf-8' } });
}

/** The reference's script, compressed by the bundler, beside the code. */
export async function documentationScript(): Promise<Response> {
  const script = await readFile(`${taskRoot()}/documentation/reference.js.br`);
  return new Response(script, {
    headers: {
      'content-type': 'text/javascript; charset=utf-8',
      'content-encoding': 'br',
      'cache-control': 'public, max-age=86400',
    },
  });
}
