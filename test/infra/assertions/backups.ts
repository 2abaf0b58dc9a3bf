import type { StageSettings } from '../../../infra/stage-settings.ts';
import { type Assertion, every, functionNamed, leadsTo, list, resourcesOf } from './assertion.ts';

const hasCopies = ({ operations }: StageSettings) => operations.backupCopies !== null;
const planType = 'AWS::Backup::BackupPlan';

export const backupAssertions: readonly Assertion[] = [
  every({
    area: 'backups',
    name: 'every night a backup is made, and copied to the second region for the stage’s days',
    binds: hasCopies,
    type: planType,
    demand: ({ properties }, _system, { name, operations: { backupCopies } }) => {
      const rules = list(properties.BackupPlan.BackupPlanRule);
      return (
        rules.length === 1 &&
        /^cron\(\d+ \d+ \* \* \? \*\)$/.test(rules[0].ScheduleExpression) &&
        rules[0].CopyActions.length === 1 &&
        rules[0].CopyActions[0].Lifecycle.DeleteAfterDays === backupCopies?.days &&
        JSON.stringify(rules[0].CopyActions[0].DestinationBackupVaultArn).includes(
          `:backup:${backupCopies?.region}:",{"Ref":"AWS::AccountId"},":backup-vault:${backupCopies?.vault ?? `dbrag-${name}-copies`}"`,
        )
      );
    },
    break: ({ properties }) => {
      properties.BackupPlan.BackupPlanRule[0].CopyActions = [];
    },
  }),
  every({
    area: 'backups',
    name: 'the database, the documents and the roots of the trail are in it',
    binds: hasCopies,
    type: 'AWS::Backup::BackupSelection',
    demand: ({ properties }) => {
      const resources = list(properties.BackupSelection.Resources);
      return (
        JSON.stringify(resources[0]).includes('"DatabaseCluster') &&
        ['StorageContent', 'StorageAudit'].every((prefix) => resources.some((resource) => leadsTo(resource, prefix)))
      );
    },
    break: ({ properties }) => {
      properties.BackupSelection.Resources.pop();
    },
  }),
  every({
    area: 'backups',
    name: 'vaults are encrypted with a key of ours and outlive the stack',
    binds: hasCopies,
    type: 'AWS::Backup::BackupVault',
    demand: ({ resource, properties }) =>
      leadsTo(properties.EncryptionKeyArn, 'KeysData') && resource.DeletionPolicy === 'Retain',
    break: ({ properties }) => {
      properties.EncryptionKeyArn = undefined;
    },
  }),
  every({
    area: 'backups',
    name: 'a vault that outlives its stack is not in the way of the next',
    binds: hasCopies,
    type: 'AWS::Backup::BackupVault',
    demand: ({ properties }, _system, { name }) => {
      const text = JSON.stringify(properties.BackupVaultName);
      return text.includes(`dbrag-${name}`) && text.includes('{"Ref":"AWS::StackId"}');
    },
    break: ({ properties }) => {
      properties.BackupVaultName = 'dbrag-own';
    },
  }),
  every({
    area: 'backups',
    name: 'only AWS Backup on behalf of this account wears the role that reads everything',
    binds: hasCopies,
    type: 'AWS::IAM::Role',
    where: ({ id }) => id.startsWith('BackupCopiesRole'),
    demand: ({ properties }) =>
      list(properties.AssumeRolePolicyDocument.Statement).every(
        ({ Principal, Condition }) =>
          Principal.Service === 'backup.amazonaws.com' &&
          Condition?.StringEquals?.['aws:SourceAccount']?.Ref === 'AWS::AccountId',
      ),
    break: ({ properties }) => {
      properties.AssumeRolePolicyDocument.Statement[0].Principal = { AWS: '*' };
    },
  }),
  {
    area: 'backups',
    name: 'an erasure tells for how long any backup holds what was erased',
    check: (system, { database, operations }) => {
      const longest = Math.max(database.backupDays, operations.backupCopies?.days ?? 0);
      const told = functionNamed(system, 'queue/maintain').properties.Environment.Variables.BACKUP_DAYS;
      return told === String(longest) ? [] : [`${told} days`];
    },
    spoil: (system) => {
      functionNamed(system, 'queue/maintain').properties.Environment.Variables.BACKUP_DAYS = '1';
    },
  },
  {
    area: 'backups',
    name: 'nothing is copied out of the region unless the stage says where to',
    binds: (stage) => !hasCopies(stage),
    check: (system) => resourcesOf(system, planType).map(({ id }) => id),
    spoil: ({ data }) => {
      data.Resources.Plan = { Type: planType, Properties: {} };
    },
  },
];
