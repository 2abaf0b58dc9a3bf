/** One event of `text/event-stream` (WHATWG HTML, 9.2), or a keep-alive comment. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  /** One line: JSON without line breaks. */
  readonly data?: string;
  readonly retry?: number;
  readonly comment?: string;
}

/**
 * A streamed response. When the client disconnects, `onLeave` is called at once. The generator ends only at its next `yield`: it cannot be
 * ended while it waits for something.
 */
export function eventStream(events: AsyncGenerator<ServerSentEvent>, onLeave: () => void = () => {}): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(written(value)));
    },
    async cancel() {
      onLeave();
      await events.return(undefined);
    },
  });
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' },
  });
}

function written({ id, event, data, retry, comment }: ServerSentEvent): string {
  const lines: string[] = [];
  if (comment !== undefined) lines.push(`: ${comment}`);
  if (retry !== undefined) lines.push(`retry: ${retry}`);
  if (id !== undefined) lines.push(`id: ${id}`);
  if (event !== undefined) lines.push(`event: ${event}`);
  if (data !== undefined) lines.push(`data: ${data}`);
  return `${lines.join('\n')}\n\n`;
}
