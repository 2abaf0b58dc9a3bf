import { resolve } from 'node:path';

export interface StartSettings {
  readonly port: number;
  readonly dataDirectory: string;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly apiKey: string | undefined;
  readonly modelBaseUrl: string | undefined;
  /** Of a compatible server, which need not have the stage's own. */
  readonly chatModel: string | undefined;
  readonly concurrency: number | undefined;
}

const defaultPort = 3000;
const largestPort = 65_535;

/** A variable that is set and cannot be used. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/** Reads what `npm start` can be told. An empty variable counts as unset. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): StartSettings {
  const value = (name: string): string | undefined => environment[name]?.trim() || undefined;
  return {
    port: wholeNumber('PORT', value('PORT'), 0, largestPort) ?? defaultPort,
    dataDirectory: resolve(value('LOCAL_DATA_DIR') ?? '.dbrag'),
    databaseUrl: url('LOCAL_DATABASE_URL', value('LOCAL_DATABASE_URL'), ['postgres:', 'postgresql:']),
    redisUrl: url('LOCAL_REDIS_URL', value('LOCAL_REDIS_URL'), ['redis:', 'rediss:']),
    apiKey: value('OPENAI_API_KEY'),
    modelBaseUrl: url('OPENAI_BASE_URL', value('OPENAI_BASE_URL'), ['http:', 'https:']),
    chatModel: value('CHAT_MODEL'),
    concurrency: wholeNumber('LOCAL_CONCURRENCY', value('LOCAL_CONCURRENCY'), 1, 100),
  };
}

function wholeNumber(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new SettingError(`${name} must be a whole number from ${least} to ${most}, not "${text}"`);
}

function url(name: string, text: string | undefined, protocols: readonly string[]): string | undefined {
  if (text === undefined) return undefined;
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
  throw new SettingError(`${name} must be a URL that begins with ${protocols.map((one) => `${one}//`).join(' or ')}`);
}
