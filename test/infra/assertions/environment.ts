import type { StageSettings } from '../../../infra/stage-settings.ts';
import * as config from '../../../shared/core/config.ts';
import { environmentNames as names } from '../../../shared/core/env-names.ts';
import {
  type Assertion,
  every,
  functionNamed,
  isOurFunction,
  type Json,
  leadsTo,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';
import { actionsOf, resourcesIn, statementsOf } from './policies.ts';

const numbers = new Set<string>([
  names.databasePort,
  names.databasePartitions,
  names.embeddingDimensions,
  names.embeddingFallbackDimensions,
  names.maximumFileBytes,
  names.versionGraceSeconds,
  names.backupDays,
  names.openStreams,
]);

/** Read by Node before any code of ours. */
const ofNode = 'NODE_OPTIONS';

/** Names of everything that functions ask the environment for, found out by letting them ask. */
const namesRead: ReadonlySet<string> = (() => {
  const asked = new Set<string>();
  const environment = new Proxy<Record<string, string>>(
    {},
    {
      get(_target, name) {
        asked.add(String(name));
        if (numbers.has(String(name))) return '1';
        if (name === names.databaseTls) return 'off';
        // Every setting that is JSON may be nothing.
        return '{}';
      },
    },
  );
  for (const [name, read] of Object.entries<unknown>(config))
    if (name.startsWith('read') && typeof read === 'function') read(environment);
  // What is no contract of ours, Lambda says itself, or a test.
  const contract: readonly string[] = Object.values(names);
  return new Set([...asked].filter((name) => contract.includes(name)));
})();

/** What a stage leaves unset on purpose. */
function leftOut({ models, cache, operations }: StageSettings): string[] {
  return [
    ...(models.baseUrl === null ? [names.modelBaseUrl] : []),
    ...(models.fallbackEmbeddingModel === null
      ? [names.embeddingFallbackModel, names.embeddingFallbackDimensions]
      : []),
    ...(cache.login === 'none' || !cache.enabled ? [names.cacheSecret] : []),
    ...(cache.enabled ? [] : [names.cacheUrl, names.cacheSettings]),
    ...(operations.events ? [] : [names.eventBusName]),
  ];
}

const variablesOf = (properties: Json): Record<string, Json> => properties.Environment?.Variables ?? {};
const ours = (system: System) => resourcesOf(system, 'AWS::Lambda::Function').filter(isOurFunction);

/** As the process would see them: what a deploy fills in is some text. */
function environmentOf(properties: Json): Record<string, string> {
  const entries = Object.entries(variablesOf(properties)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : 'known after deploy',
  ]);
  return { ...Object.fromEntries(entries), LAMBDA_TASK_ROOT: '/var/task' };
}

/** Reads what the handler reads at its start; an error says what is missing. */
function startOf(handler: string, environment: Record<string, string>): string | undefined {
  const read = handler.startsWith('deploy/')
    ? config.readMigrationConfig
    : handler.startsWith('invoke/')
      ? config.readNetworkRules
      : config.readConfig;
  try {
    read(environment);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Which right goes with being told of something: neither is of use without the other. */
const rightsByName: Readonly<Record<string, RegExp>> = {
  [names.databaseSecret]: /^secretsmanager:GetSecretValue$/,
  [names.databaseOwnerSecret]: /^secretsmanager:GetSecretValue$/,
  [names.databaseApplicationSecret]: /^secretsmanager:GetSecretValue$/,
  [names.databaseMaintainerSecret]: /^secretsmanager:GetSecretValue$/,
  [names.cacheSecret]: /^secretsmanager:GetSecretValue$/,
  [names.modelSecret]: /^secretsmanager:GetSecretValue$/,
  [names.operatorSecret]: /^secretsmanager:GetSecretValue$/,
  [names.eventBusName]: /^events:PutEvents$/,
  [names.queryDatabaseFunction]: /^lambda:InvokeFunction$/,
  ...Object.fromEntries(
    Object.values(names)
      .filter((name) => name.startsWith('QUEUE_URL_'))
      .map((name) => [name, /^sqs:(SendMessage|GetQueueAttributes)$/]),
  ),
};

/** Secrets, queues to send to, the bus and the function that one role may use, as things that lead to a resource. */
function mayUse(system: System, role: string): { readonly action: string; readonly resource: Json }[] {
  return statementsOf(system)
    .filter(({ roles }) => roles.includes(role))
    .flatMap((one) => resourcesIn(one).flatMap((resource) => actionsOf(one).map((action) => ({ action, resource }))));
}

/** A function's name or ARN with the alias behind it, taken apart; anything else as it is. */
function unqualified(value: Json): { readonly bare: Json; readonly alias: string } {
  const [bare, alias, ...others] = value?.['Fn::Join']?.[1] ?? [];
  return others.length === 0 && typeof alias === 'string' && alias.startsWith(':')
    ? { bare, alias }
    : { bare: value, alias: '' };
}

/** The right to call an alias is none to call the function, nor the other way round. */
const sameResource = (given: Json, wanted: Json): boolean => {
  const [one, other] = [unqualified(given), unqualified(wanted)];
  const target = targetOf(one.bare);
  return (
    one.alias === other.alias &&
    target !== undefined &&
    (leadsTo(other.bare, target) || leadsTo(one.bare, targetOf(other.bare) ?? '-'))
  );
};

/** A function that receives from a queue asks for its attributes without being told where it is. */
const toldOf = /^(secretsmanager:GetSecretValue|sqs:SendMessage|events:PutEvents|lambda:InvokeFunction)$/;

export const environmentAssertions: readonly Assertion[] = [
  {
    area: 'Lambda',
    name: 'every variable that functions read is set by somebody, but for what the stage leaves out',
    check: (system, stage) => {
      const set = new Set(ours(system).flatMap(({ properties }) => Object.keys(variablesOf(properties))));
      const missing = leftOut(stage);
      return [...namesRead].filter((name) => set.has(name) === missing.includes(name));
    },
    spoil: (system) => {
      for (const { properties } of ours(system)) delete variablesOf(properties)[names.backupDays];
    },
  },
  every({
    area: 'Lambda',
    name: 'no variable is set that no function reads',
    type: 'AWS::Lambda::Function',
    where: isOurFunction,
    demand: ({ properties }) =>
      Object.keys(variablesOf(properties)).every((name) => namesRead.has(name) || name === ofNode),
    break: ({ properties }) => {
      variablesOf(properties).CHAT_MODLE = 'gpt-5.4-mini';
    },
  }),
  {
    area: 'Lambda',
    name: 'every function starts with what it is told',
    check: (system) =>
      ours(system).flatMap(({ properties }) => {
        const handler = String(properties.Handler);
        const complaint = startOf(handler, environmentOf(properties));
        return complaint === undefined ? [] : [`${handler}: ${complaint}`];
      }),
    spoil: (system) => {
      delete variablesOf(functionNamed(system, 'queue/maintain').properties)[names.databaseHost];
    },
  },
  {
    area: 'Lambda',
    name: 'what a function is told of it may use, and what it may use it is told of',
    check: (system) =>
      ours(system).flatMap(({ properties }) => {
        const rights = mayUse(system, targetOf(properties.Role) ?? '');
        const variables = Object.entries(variablesOf(properties)).filter(([name]) => rightsByName[name]);
        const unusable = variables
          .filter(
            ([name, value]) =>
              !rights.some(({ action, resource }) => rightsByName[name]?.test(action) && sameResource(value, resource)),
          )
          .map(([name]) => name);
        const untold = rights
          .filter(({ action, resource }) => toldOf.test(action) && targetOf(unqualified(resource).bare) !== undefined)
          .filter(
            ({ action, resource }) =>
              !variables.some(([name, value]) => rightsByName[name]?.test(action) && sameResource(value, resource)),
          )
          .map(({ action, resource }) => `${action} ${targetOf(unqualified(resource).bare)}`);
        return [...unusable, ...untold].map((one) => `${properties.Handler}: ${one}`);
      }),
    spoil: (system) => {
      const variables = variablesOf(functionNamed(system, 'queue/embed-chunks').properties);
      variables[names.operatorSecret] = variablesOf(functionNamed(system, 'http/api').properties)[names.operatorSecret];
    },
  },
];
