import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { ReadHeaders, Received } from './received-request.ts';
import { ReceivedRequest } from './received-request.ts';
import { TextAnswer } from './text-answer.ts';

/**
 * The request behind an API Gateway REST event. Repeated headers and query members are kept; a header with a value that HTTP does not
 * know is none.
 */
export function requestOf(event: APIGatewayProxyEvent): Received {
  // The host plays no part in routing, and the real one may be anything a client wrote.
  const url = `http://api${event.path}${searchOf(event)}`;
  return new ReceivedRequest(event.httpMethod, url, event.multiValueHeaders ?? {}, () => bodyOf(event));
}

function searchOf(event: APIGatewayProxyEvent): string {
  const many = event.multiValueQueryStringParameters;
  if (!many) return '';
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(many)) for (const value of values ?? []) query.append(name, value);
  const search = query.toString();
  return search ? `?${search}` : '';
}

/** As `Request.text()` gives it: UTF-8 without its mark. */
function bodyOf({ body, isBase64Encoded, httpMethod }: APIGatewayProxyEvent): string {
  if (body === null || httpMethod === 'GET' || httpMethod === 'HEAD') return '';
  if (isBase64Encoded) return new TextDecoder().decode(Buffer.from(body, 'base64'));
  return (body.startsWith('\uFEFF') ? body.slice(1) : body).toWellFormed();
}

const textual = /^(text\/|application\/(.*\+)?(json|xml|javascript))/;

/** The API Gateway answer for a response: text as it is, anything else in base64. */
export async function resultOf(response: Response | TextAnswer): Promise<APIGatewayProxyResult> {
  const known = response instanceof TextAnswer;
  const type = response.headers.get('content-type') ?? '';
  const binary = !known && (response.headers.has('content-encoding') || (type !== '' && !textual.test(type)));
  return {
    statusCode: response.status,
    multiValueHeaders: headersOf(response.headers),
    body: known
      ? response.body
      : binary
        ? Buffer.from(await response.arrayBuffer()).toString('base64')
        : await response.text(),
    isBase64Encoded: binary,
  };
}

function headersOf(read: ReadHeaders): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  read.forEach((value, name) => {
    headers[name] = [value];
  });
  return headers;
}
