import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from '../start/first-workspace.ts';
import type { LocalFile } from '../start/local-file.ts';
import type { MarkdownFile } from './markdown-files.ts';

interface Job {
  readonly id: string;
  readonly status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly why: string;
}

export interface Loaded {
  readonly succeeded: number;
  /** Name of a document → why its job ended otherwise. */
  readonly failed: ReadonlyMap<string, string>;
}

const pollMilliseconds = 150;

/** Sends every file and waits until their jobs have ended; `onProgress` hears how many have. */
export async function loadDocuments(
  { api_url, api_key, collection_id }: LocalFile,
  files: readonly MarkdownFile[],
  onProgress: (ended: number) => void,
): Promise<Loaded> {
  const waiting = new Map<string, string>();
  for (const { name, content } of files) {
    const { job } = await callApi<{ job: Job }>(api_url, api_key, 'POST', '/v1/documents', {
      collection_id,
      name,
      content,
      content_type: 'text/markdown',
      source_uri: name,
    });
    waiting.set(job.id, name);
  }
  const failed = new Map<string, string>();
  while (waiting.size > 0) {
    for (const [id, name] of waiting) {
      const job = await callApi<Job>(api_url, api_key, 'GET', `/v1/jobs/${id}`);
      if (job.status === 'queued' || job.status === 'running') continue;
      waiting.delete(id);
      if (job.status !== 'succeeded') failed.set(name, job.why);
    }
    onProgress(files.length - waiting.size);
    if (waiting.size > 0) await sleep(pollMilliseconds);
  }
  return { succeeded: files.length - failed.size, failed };
}
