import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { type Finding, fine, problem, warning } from './finding.ts';
import { stackResources } from './leftovers.ts';
import { checkModelKey } from './model-key.ts';
import { orUnknown } from './preflight.ts';
import { findStack, outputOf, stackNames } from './stacks.ts';

/** A stage's own report over HTTP: the same on AWS and on one machine. */
export async function examineApi(url: string): Promise<Finding[]> {
  return [await examineReadiness(url), await examineContract(url)];
}

async function examineReadiness(url: string): Promise<Finding> {
  const subject = 'API';
  const response = await fetch(new URL('ready', url)).catch((error: Error) => error);
  if (response instanceof Error)
    return problem(subject, `${url} does not answer (${response.message}): is it running?`);
  const text = await response.text();
  const checks = checksOf(text);
  if (checks === undefined || !response.ok)
    return problem(subject, `${url} answers ${response.status} ${text}: runbook, "The API answers 5xx".`);
  const failed = Object.entries(checks).filter(([, state]) => state === 'failed');
  return failed.length === 0
    ? fine(subject, `${url} is ready`)
    : warning(subject, `${url} does without ${failed.map(([part]) => part).join(' and ')}: look at its metrics.`);
}

function checksOf(text: string): Readonly<Record<string, string>> | undefined {
  try {
    return (JSON.parse(text) as { checks?: Record<string, string> }).checks;
  } catch {
    return undefined;
  }
}

async function examineContract(url: string): Promise<Finding> {
  const subject = 'API contract';
  const response = await fetch(new URL('openapi.json', url)).catch((error: Error) => error);
  if (response instanceof Error || !response.ok)
    return problem(subject, `${new URL('openapi.json', url)} is not served: deploy again.`);
  const { openapi, paths } = (await response.json()) as { openapi: string; paths: object };
  return fine(subject, `OpenAPI ${openapi}, ${Object.keys(paths).length} paths`);
}

/**
 * Everything that can be seen of a deployed stage from outside: stacks, key, alarms, API.
 * @param copies of the region that backups are copied to; undefined where the stage copies none
 */
export async function examineStage(clients: Clients, stage: StageSettings, copies?: Clients): Promise<Finding[]> {
  const names = stackNames(stage.name);
  const [data, service] = await Promise.all([findStack(clients, names.data), findStack(clients, names.service)]);
  const findings = [stackFinding(names.data, data?.StackStatus), stackFinding(names.service, service?.StackStatus)];
  if (data) findings.push(...(await orUnknown('model key', checkModelKey(clients, data, undefined))));
  findings.push(...(await orUnknown('alarms', examineAlarms(clients, names.service))));
  if (copies) findings.push(...(await orUnknown('copies of backups', examineCopies(copies, names.copies))));
  const url = outputOf(service, 'ApiUrl');
  if (url !== undefined) findings.push(...(await examineApi(url)));
  return findings;
}

/** The stack, and that it contains the vault: nothing else would report that backups are not copied. */
async function examineCopies(copies: Clients, name: string): Promise<Finding[]> {
  const stack = await findStack(copies, name);
  const finding = stackFinding(`${name} in ${copies.region}`, stack?.StackStatus);
  if (stack?.StackId === undefined) return [finding];
  const vault = (await stackResources(copies, stack.StackId)).find(
    ({ ResourceType, ResourceStatus }) =>
      ResourceType === 'AWS::Backup::BackupVault' && !/^DELETE/.test(ResourceStatus ?? ''),
  );
  const subject = 'copies of backups';
  const list = `aws backup list-recovery-points-by-backup-vault --region ${copies.region} --backup-vault-name ${vault?.PhysicalResourceId}`;
  return [
    finding,
    vault
      ? fine(
          subject,
          `they go to the vault ${vault.PhysicalResourceId} in ${copies.region}; what is in it says ${list}`,
        )
      : problem(subject, `There is no vault in ${copies.region}: deploy again.`),
  ];
}

function stackFinding(name: string, status: string | undefined): Finding {
  const subject = `stack ${name}`;
  if (status === undefined) return problem(subject, 'It is not there: npm run deploy makes it.');
  if (/^(CREATE|UPDATE)_COMPLETE$/.test(status)) return fine(subject, status);
  return /_IN_PROGRESS$/.test(status)
    ? warning(subject, `${status}: wait for its end.`)
    : problem(
        subject,
        `${status}: its events say why; deploy again, or in a ROLLBACK_COMPLETE of a first deploy destroy it first.`,
      );
}

async function examineAlarms({ alarms }: Clients, prefix: string): Promise<Finding> {
  const subject = 'alarms';
  const { MetricAlarms = [] } = await alarms.send(
    new DescribeAlarmsCommand({ AlarmNamePrefix: prefix, StateValue: 'ALARM', MaxRecords: 100 }),
  );
  return MetricAlarms.length === 0
    ? fine(subject, 'none is on')
    : problem(
        subject,
        MetricAlarms.map(({ AlarmName, AlarmDescription }) => `${AlarmName}: ${AlarmDescription}`).join(' · '),
      );
}
