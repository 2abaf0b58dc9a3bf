import type { ApiClient, Json } from './api-client.ts';

export interface ReadEvent {
  readonly event: string;
  readonly data: Json;
}

/** Every event of a streamed answer, comments left out. @throws Error for an answer that is no stream */
export async function readEvents(
  api: ApiClient,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<ReadEvent[]> {
  const answer = await api.post(path, body, headers);
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream'))
    throw new Error(`no stream: ${answer.status} ${answer.text}`);
  return eventsOf(answer.text);
}

export function eventsOf(text: string): ReadEvent[] {
  return text.split('\n\n').flatMap((block) => {
    const event = /^event: (.+)$/m.exec(block)?.[1];
    const data = /^data: (.+)$/m.exec(block)?.[1];
    return event === undefined || data === undefined ? [] : [{ event, data: JSON.parse(data) }];
  });
}
