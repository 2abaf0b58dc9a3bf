import type { OutgoingHttpHeaders } from 'node:http';

/** The head of an answer, from a buffered result or from the metadata of a stream. */
export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: OutgoingHttpHeaders;
}

export interface BufferedResult extends ResponseHead {
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** Reads what a buffered proxy function gave; undefined when it does not have the form that API Gateway demands. */
export function parseBufferedResult(payload: string): BufferedResult | undefined {
  const result = parseObject(payload);
  const head = result && responseHead(result);
  if (!head) return undefined;
  const { body, isBase64Encoded } = result;
  if (body !== undefined && body !== null && typeof body !== 'string') return undefined;
  return { ...head, body: body ?? '', isBase64Encoded: isBase64Encoded === true };
}

/** Reads the JSON before the eight NUL bytes of a streamed answer; without a status it means 200. */
export function parseStreamMetadata(text: string): ResponseHead | undefined {
  const metadata = parseObject(text);
  return metadata && responseHead({ statusCode: 200, ...metadata });
}

function parseObject(text: string): Members | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}

function responseHead(result: Members): ResponseHead | undefined {
  const statusCode = Number(result.statusCode);
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 599) return undefined;
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries((result.headers ?? {}) as Members)) headers[name] = String(value);
  for (const [name, values] of Object.entries((result.multiValueHeaders ?? {}) as Members)) {
    if (!Array.isArray(values)) return undefined;
    // The single value of the same name, if any, gives way.
    for (const known of Object.keys(headers)) {
      if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
    }
    headers[name] = values.map(String);
  }
  if (Array.isArray(result.cookies)) headers['Set-Cookie'] = result.cookies.map(String);
  return { statusCode, headers };
}
