import type { Stack } from '@aws-sdk/client-cloudformation';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { CommandError, type Finding, findingLine, hasProblem } from './finding.ts';
import { firstCommands } from './first-commands.ts';
import { type GivenKey, storeModelKey } from './model-key.ts';
import { preflight } from './preflight.ts';
import { type LedTo, pruneVersions, versionsLedTo } from './prune-versions.ts';
import { smoke } from './smoke.ts';
import { findStack, outputOf, stackNames } from './stacks.ts';

/** The CDK's command line. */
export interface Cdk {
  readonly pinned: string;
  version(): Promise<string>;
  /** Runs it with what it prints shown. @throws CommandError when it fails */
  run(words: readonly string[]): Promise<void>;
}

export interface DeployPorts {
  readonly clients: Clients;
  readonly cdk: Cdk;
  readonly print: (line: string) => void;
  /** Asks for confirmation; true to continue. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Prints the idle cost of the stage. */
  readonly printFloor: (stage: StageSettings) => Promise<void>;
  readonly smoke?: typeof smoke;
}

export interface DeployOptions {
  readonly stage: StageSettings;
  readonly modelKey: GivenKey | undefined;
}

/**
 * Brings a stage up to date: looks first, shows the floor and the difference, asks, deploys what must survive, gives it the model's key, deploys the
 * rest, and tries it. Each step may be broken off: the command begins again with what is there.
 * @throws CommandError saying what to mend
 */
export async function deploy(ports: DeployPorts, { stage, modelKey }: DeployOptions): Promise<void> {
  const { clients, cdk, print } = ports;
  const show = (findings: readonly Finding[]): void => {
    for (const finding of findings) print(findingLine(finding));
  };
  const findings = await preflight({
    clients,
    stage,
    modelKey,
    cli: { output: await cdk.version(), pinned: cdk.pinned },
  });
  show(findings);
  if (hasProblem(findings)) throw new CommandError('Nothing was changed. Mend the problems above and run it again.');
  await ports.printFloor(stage);
  const context = ['-c', `stage=${stage.name}`];
  await cdk.run(['diff', ...context]);
  if (!(await ports.confirm(`Deploy ${stage.name} to ${clients.region}?`)))
    throw new CommandError('Nothing was changed.');
  const names = stackNames(stage.name);
  const upload = ['--require-approval', 'never', '--exclusively', ...context];
  // In its own region, before anything is copied there.
  if (stage.operations.backupCopies !== null) await cdk.run(['deploy', names.copies, ...upload]);
  await cdk.run(['deploy', names.data, ...upload]);
  const data = await findStack(clients, names.data);
  if (modelKey !== undefined) await giveModelKey(ports, outputOf(data, 'ModelKeySecret'), modelKey);
  const earlier = (await findStack(clients, names.service))?.StackId;
  // Without knowing these, nothing is deleted.
  const before = earlier === undefined ? undefined : await versionsLedTo(clients, earlier).catch(() => undefined);
  await cdk.run(['deploy', names.service, ...upload]);
  const service = await findStack(clients, names.service);
  await tryOut(ports, service, outputOf(data, 'OperatorKeySecret'), show);
  if (service?.StackId !== undefined && before !== undefined) await prune(ports, service.StackId, before);
}

/** Last, when all is deployed and tried: what cannot be deleted now is the next time. */
async function prune({ clients, print }: DeployPorts, stackId: string, before: LedTo): Promise<void> {
  try {
    const { deleted, failures } = await pruneVersions(clients, stackId, before);
    if (deleted > 0) print(`${deleted} old versions of functions are deleted.`);
    if (failures.length > 0) throw new Error(failures.join('; '));
  } catch (error) {
    print(`Old versions of functions stay until the next deploy: ${(error as Error).message}`);
  }
}

/** Before the functions that read it are started. */
async function giveModelKey({ clients, print }: DeployPorts, secret: string | undefined, key: GivenKey): Promise<void> {
  if (secret === undefined) throw new CommandError('The data stack has no output ModelKeySecret: deploy it again.');
  if (await storeModelKey(clients, secret, key)) print('The model key stands in its secret.');
}

async function tryOut(
  ports: DeployPorts,
  service: Stack | undefined,
  operatorKeySecret: string | undefined,
  show: (findings: readonly Finding[]) => void,
): Promise<void> {
  const { clients, print } = ports;
  const url = outputOf(service, 'ApiUrl');
  // Under a name of one's own it answers only when somebody has pointed that here.
  const gatewayUrl = outputOf(service, 'GatewayUrl') ?? url;
  if (url === undefined || gatewayUrl === undefined || operatorKeySecret === undefined)
    throw new CommandError('The stacks have no outputs ApiUrl and OperatorKeySecret: deploy them again.');
  const { SecretString: operatorKey = '' } = await clients.secrets.send(
    new GetSecretValueCommand({ SecretId: operatorKeySecret }),
  );
  const findings = await (ports.smoke ?? smoke)({ url: gatewayUrl, operatorKey });
  show(findings);
  print(firstCommands(url, operatorKeySecret, clients.region));
  if (hasProblem(findings)) throw new CommandError('It is deployed, and does not do what it should: see above.');
}
