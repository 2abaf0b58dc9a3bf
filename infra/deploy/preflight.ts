import type { StageSettings } from '../stage-settings.ts';
import { checkBootstrap, defaultQualifier } from './check-bootstrap.ts';
import { checkCli } from './check-cli.ts';
import { checkCredentials } from './check-credentials.ts';
import { checkNetwork } from './check-network.ts';
import { checkQuotas } from './check-quotas.ts';
import { checkRegion } from './check-region.ts';
import type { Clients } from './clients.ts';
import { errorName, type Finding, warning } from './finding.ts';
import { checkModelKey, type GivenKey } from './model-key.ts';
import { findStack, stackNames } from './stacks.ts';

export interface PreflightOptions {
  readonly clients: Clients;
  readonly stage: StageSettings;
  /** What `cdk --version` prints, and the version that `package.json` pins. */
  readonly cli: { readonly output: string; readonly pinned: string };
  readonly modelKey: GivenKey | undefined;
}

/** Looks at everything that would stop a deploy half-way. Nothing is changed. */
export async function preflight({ clients, stage, cli, modelKey }: PreflightOptions): Promise<readonly Finding[]> {
  const findings = [checkCli(cli.output, cli.pinned), await checkCredentials(clients)];
  // Without credentials every other look would say the same.
  if (findings.some(({ subject, state }) => subject === 'credentials' && state === 'problem')) return findings;
  const names = stackNames(stage.name);
  const [data, service] = await Promise.all([findStack(clients, names.data), findStack(clients, names.service)]);
  const { existing } = stage.network;
  const { backupCopies, bootstrapQualifier } = stage.operations;
  const qualifier = bootstrapQualifier ?? defaultQualifier;
  const looks: readonly [string, Promise<Finding | readonly Finding[]>][] = [
    ['region', checkRegion(clients, stage)],
    ['bootstrap', checkBootstrap(clients, qualifier)],
    ...(backupCopies
      ? [
          ['bootstrap', checkBootstrap(clients.inRegion(backupCopies.region), qualifier)] satisfies [
            string,
            Promise<Finding>,
          ],
        ]
      : []),
    ...(existing ? [['network', checkNetwork(clients, existing)] satisfies [string, Promise<Finding>]] : []),
    ['quotas', checkQuotas(clients, stage, { data: data !== undefined, service: service !== undefined })],
    ['model key', checkModelKey(clients, data, modelKey)],
  ];
  return [...findings, ...(await lookAtAll(looks))];
}

/** Run in parallel, reported in order. Each has a rejection handler from the start: otherwise one that fails early would end the process. */
export async function lookAtAll(
  looks: readonly (readonly [subject: string, look: Promise<Finding | readonly Finding[]>])[],
): Promise<readonly Finding[]> {
  return (await Promise.all(looks.map(([subject, look]) => orUnknown(subject, look)))).flat();
}

/** A deployer may lack rights for some checks: a check that could not be made is no reason to stop. */
export async function orUnknown(
  subject: string,
  look: Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return [await look].flat();
  } catch (error) {
    return [warning(subject, `could not be looked at (${errorName(error)}: ${(error as Error).message})`)];
  }
}
