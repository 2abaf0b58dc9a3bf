/**
 * The local cloud in a process of its own, so that a bench measures it from outside and can tell its processor time from its own.
 * Started by `startCloud` with its options as JSON.
 */
import { type LocalCloudOptions, startLocalCloud } from '../../infra/local/cloud.ts';

export type CloudProcessOptions = Omit<LocalCloudOptions, 'log' | 'onFunctionLine' | 'onPhase'>;

export interface ReadyCloud {
  readonly url: string;
  readonly operatorKey: string;
  readonly adminDatabaseUrl: string;
  /** As the role that the handlers connect as. */
  readonly applicationDatabaseUrl: string;
  readonly functions: readonly {
    readonly handler: string;
    readonly name: string;
    readonly variables: Readonly<Record<string, string>>;
  }[];
}

/** By the function's handler. */
export type ProcessIds = Readonly<Record<string, readonly number[]>>;

/** A warning comes with its stack, a thousand of them with a thousand. */
const longestLine = 1_000;

const cloud = await startLocalCloud({
  ...(JSON.parse(process.argv[2] as string) as CloudProcessOptions),
  log: (line) => process.stderr.write(`${line}\n`),
  onFunctionLine: (name, line) => {
    if (/"level":"(WARN|ERROR)"/.test(line) || !line.startsWith('{'))
      process.stderr.write(`${name}: ${line.slice(0, longestLine)}\n`);
  },
});

const ready: ReadyCloud = {
  url: cloud.url,
  operatorKey: cloud.operatorKey,
  adminDatabaseUrl: cloud.database.adminUrl,
  applicationDatabaseUrl: cloud.database.url(cloud.applicationLogin.username, cloud.applicationLogin.password),
  functions: cloud.lambda.runners.map((runner) => ({
    handler: runner.function.handler,
    name: runner.function.name,
    variables: runner.variables,
  })),
};
const send = (message: object): void => void process.send?.(message);

process.on('message', (message: 'process ids' | 'end') => {
  if (message === 'process ids')
    send(Object.fromEntries(cloud.lambda.runners.map((runner) => [runner.function.handler, runner.processIds])));
  else void cloud.close().then(() => process.exit(0));
});
process.on('disconnect', () => void cloud.close().then(() => process.exit(0)));
send(ready);
