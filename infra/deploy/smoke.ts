import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from '../local/start/first-workspace.ts';
import { type Finding, fine, problem } from './finding.ts';

export interface SmokeOptions {
  /** Of the API, with its stage path: `https://….amazonaws.com/live/`. */
  readonly url: string;
  readonly operatorKey: string;
  /** How long a document may take, in milliseconds; a database that paused wakes within 30 s of it. */
  readonly patience?: number;
}

const defaultPatience = 180_000;
const pause = 500;
const sentence = 'The lighthouse at Skagen was lit in 1747.';

interface Job {
  readonly id: string;
  readonly status: string;
  readonly why: string;
}

/**
 * What a newcomer would try, in a workspace of its own that is erased at the end: a document becomes ready, a search finds it, a question
 * is answered from it. One finding a step; after a problem the steps that need it are left out.
 */
export async function smoke({ url, operatorKey, patience = defaultPatience }: SmokeOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const step = async (subject: string, work: () => Promise<string>): Promise<void> => {
    findings.push(fine(subject, await work().catch((error: Error) => Promise.reject(new StepError(subject, error)))));
  };
  let key: string | undefined;
  try {
    await step('smoke: ready', () => awaitReady(url, patience));
    await step('smoke: workspace', async () => {
      const workspace = await callApi<{ id: string; api_key: { secret: string } }>(
        url,
        operatorKey,
        'POST',
        'v1/workspaces',
        { name: 'smoke test' },
      );
      key = workspace.api_key.secret;
      return workspace.id;
    });
    const call = <T>(method: 'GET' | 'POST', path: string, body?: unknown) =>
      callApi<T>(url, key ?? '', method, path, body);
    await step('smoke: document', () => becomesReady(call, patience));
    await step('smoke: search', async () => {
      const { data } = await call<{ data: { text?: string }[] }>('POST', 'v1/search', { query: 'lighthouse Skagen' });
      if (!data[0]?.text?.includes('1747')) throw new Error('The document that was just made is not found.');
      return 'finds the document';
    });
    await step('smoke: question', async () => {
      const { answer } = await call<{ answer: string | null }>('POST', 'v1/queries', {
        question: 'When was the lighthouse at Skagen lit?',
      });
      if (!answer?.includes('1747')) throw new Error(`The answer is ${JSON.stringify(answer)}.`);
      return 'is answered from it';
    });
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    findings.push(problem(error.subject, `${error.message} Look at the logs of HttpApi and the runbook.`));
  } finally {
    if (key !== undefined) findings.push(await erase(url, key));
  }
  return findings;
}

class StepError extends Error {
  readonly subject: string;
  constructor(subject: string, cause: Error) {
    super(cause.message, { cause });
    this.subject = subject;
  }
}

type Call = <T>(method: 'GET' | 'POST', path: string, body?: unknown) => Promise<T>;

/** A database that pauses answers 503 until it is awake. */
async function awaitReady(url: string, patience: number): Promise<string> {
  const until = performance.now() + patience;
  for (;;) {
    const response = await fetch(new URL('ready', url)).catch((error: Error) => error);
    if (!(response instanceof Error) && response.ok) {
      const { status } = (await response.json()) as { status: string };
      return status;
    }
    const seen = response instanceof Error ? response.message : `${response.status} ${await response.text()}`;
    if (performance.now() >= until) throw new Error(`${new URL('ready', url)}: ${seen}.`);
    await sleep(pause);
  }
}

async function becomesReady(call: Call, patience: number): Promise<string> {
  const { id } = await call<{ id: string }>('POST', 'v1/collections', { name: 'smoke test' });
  const began = performance.now();
  let { job } = await call<{ job: Job }>('POST', 'v1/documents', {
    collection_id: id,
    name: 'smoke-test.md',
    content: sentence,
  });
  while (job.status === 'queued' || job.status === 'running') {
    if (performance.now() - began > patience)
      throw new Error(`It is not ready after ${patience / 1_000} s: ${job.why}`);
    await sleep(pause);
    job = await call<Job>('GET', `v1/jobs/${job.id}`);
  }
  if (job.status !== 'succeeded') throw new Error(`It ended ${job.status}: ${job.why}`);
  return `ready after ${((performance.now() - began) / 1_000).toFixed(1)} s`;
}

async function erase(url: string, key: string): Promise<Finding> {
  const subject = 'smoke: clearing away';
  const response = await fetch(new URL('v1/workspace', url), {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${key}` },
  });
  const text = await response.text();
  return response.ok
    ? fine(subject, 'the workspace is being erased')
    : problem(subject, `The workspace "smoke test" stays (${response.status} ${text}): erase it over the API.`);
}
