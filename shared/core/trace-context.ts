/** An X-Ray trace, from its header. */
export interface TraceContext {
  /** The header as received, to be passed on. */
  readonly header: string;
  readonly traceId: string;
  /** The current segment; undefined if the header names none. */
  readonly parentId: string | undefined;
  readonly isSampled: boolean;
}

/** @param header `Root=1-…;Parent=…;Sampled=1` */
export function parseTrace(header: string | undefined): TraceContext | undefined {
  const traceId = /Root=([^;]+)/.exec(header ?? '')?.[1];
  if (header === undefined || traceId === undefined) return undefined;
  const parentId = /Parent=([0-9a-f]{16})/.exec(header)?.[1];
  return { header, traceId, parentId, isSampled: /Sampled=1/.test(header) };
}
