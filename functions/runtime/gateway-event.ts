import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';

/** What a header may hold (RFC 9110, 5.5); `Headers` throws for anything else, and the caller would get a 502. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The web-standard request behind an API Gateway REST event. Repeated headers and query members are kept; a header with a value that
 * HTTP does not know is none.
 */
export function requestOf(event: APIGatewayProxyEvent): Request {
  const headers = new Headers();
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    for (const value of values ?? []) if (fieldValue.test(value)) headers.append(name, value);
  }
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    for (const value of values ?? []) query.append(name, value);
  }
  const search = query.toString();
  // The host plays no part in routing, and the real one may be anything a client wrote.
  const url = `http://api${event.path}${search ? `?${search}` : ''}`;
  const method = event.httpMethod;
  if (event.body === null || method === 'GET' || method === 'HEAD') return new Request(url, { method, headers });
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64') : event.body;
  return new Request(url, { method, headers, body });
}

const textual = /^(text\/|application\/(.*\+)?(json|xml|javascript))/;

/** The API Gateway answer for a response: text as it is, anything else in base64. */
export async function resultOf(response: Response): Promise<APIGatewayProxyResult> {
  const type = response.headers.get('content-type') ?? '';
  const binary = response.headers.has('content-encoding') || (type !== '' && !textual.test(type));
  return {
    statusCode: response.status,
    multiValueHeaders: headersOf(response),
    body: binary ? Buffer.from(await response.arrayBuffer()).toString('base64') : await response.text(),
    isBase64Encoded: binary,
  };
}

function headersOf(response: Response): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  response.headers.forEach((value, name) => {
    headers[name] = [value];
  });
  return headers;
}
