import { parseArgs } from 'node:util';

export interface StartWords {
  readonly help: boolean;
  /** Tells when each phase of the start ended. */
  readonly timings: boolean;
}

/** Words that `npm start` does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads what stands behind `npm start --`. @throws UsageError in one sentence */
export function readWords(words: readonly string[]): StartWords {
  const options = { help: { type: 'boolean', short: 'h' }, timings: { type: 'boolean' } } as const;
  try {
    const { values } = parseArgs({ args: [...words], options });
    return { help: values.help ?? false, timings: values.timings ?? false };
  } catch {
    const known = new Set(['--help', '-h', '--timings']);
    const unknown = words.find((word) => !known.has(word)) ?? words[0];
    throw new UsageError(
      `npm start knows --help and --timings, not "${unknown}"; everything else is set by variables.`,
    );
  }
}

export const help = `Usage: npm start [-- --help | --timings]

Runs dbrag on this machine until Ctrl-C: the stage "local", synthesised as for AWS, on 127.0.0.1.

  --timings            tells when each phase of the start ended
  --help, -h           prints this and starts nothing

Variables:
  PORT                 the port (3000); 0 takes a free one
  LOCAL_DATA_DIR       the directory for all data (.dbrag)
  OPENAI_API_KEY       real models in place of the offline ones
  OPENAI_BASE_URL      any OpenAI-compatible server in their place
  CHAT_MODEL           the model that writes answers, if that server does not offer the stage's
  LOCAL_DATABASE_URL   a native Postgres 17 or later with pgvector, as an administrator
  LOCAL_REDIS_URL      a native Redis or Valkey
  LOCAL_CONCURRENCY    Lambda processes per function and queue, 1 to 100
`;
