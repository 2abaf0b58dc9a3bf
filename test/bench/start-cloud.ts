import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CloudProcessOptions, ProcessIds, ReadyCloud } from './local-cloud-process.ts';

export interface Cloud extends ReadyCloud {
  readonly processId: number;
  /** Processes of each function that run now. */
  processIds(): Promise<ProcessIds>;
  /** The environment that a process of this handler (`http/api.handler`) is started with. */
  variablesOf(handler: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const file = fileURLToPath(new URL('./local-cloud-process.ts', import.meta.url));

/** Starts the local cloud as its own process. Its warnings go to standard error. */
export async function startCloud(
  options: CloudProcessOptions & { readonly nodeOptions?: readonly string[] },
): Promise<Cloud> {
  const { nodeOptions, ...rest } = options;
  const child = fork(file, [JSON.stringify(rest)], { execArgv: [...(nodeOptions ?? [])] });
  const ready = (await answerOf(child)) as ReadyCloud;
  return {
    ...ready,
    processId: child.pid as number,
    async processIds() {
      child.send('process ids');
      return (await answerOf(child)) as ProcessIds;
    },
    variablesOf(handler) {
      const found = ready.functions.find((each) => each.handler === handler);
      if (!found) throw new Error(`${handler} is not among ${ready.functions.map((each) => each.handler).join(', ')}`);
      return found.variables;
    },
    async close() {
      child.send('end');
      await once(child, 'exit');
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('the local cloud ended');
  });
  try {
    const [message] = (await Promise.race([once(child, 'message'), exit])) as [unknown];
    return message;
  } finally {
    ended.abort();
    exit.catch(() => {});
  }
}
