import { beforeAll, describe, expect, it } from 'vitest';
import { copiesVaultName } from '../../infra/copies-stack.ts';
import { resourcesOf, type Template } from './assertions/assertion.ts';
import { stageOfOnesOwn } from './stage-of-ones-own.ts';
import { type Synthesis, synthesise } from './synthesise.ts';

describe('the stack of the second region', () => {
  let synthesis: Synthesis;
  let copies: Template;
  beforeAll(() => {
    synthesis = synthesise(stageOfOnesOwn);
    copies = synthesis.copies ?? expect.fail('there is no such stack');
  });

  it('is deployed there, and before what copies to it', () => {
    type Artifact = { environment?: string; dependencies?: string[]; properties?: { terminationProtection?: boolean } };
    const artifacts = synthesis.manifest.artifacts as Record<string, Artifact>;
    expect(artifacts['dbrag-own-copies']).toMatchObject({
      environment: 'aws://unknown-account/eu-west-1',
      properties: { terminationProtection: true },
    });
    expect(artifacts['dbrag-own-data']?.dependencies).toContain('dbrag-own-copies');
  });

  it('is a vault of the name that the stage gives, with a key of its own, and both outlive it', () => {
    const [vault] = resourcesOf(copies, 'AWS::Backup::BackupVault');
    const [key] = resourcesOf(copies, 'AWS::KMS::Key');
    expect(vault?.properties).toMatchObject({
      BackupVaultName: 'second-home',
      EncryptionKeyArn: { 'Fn::GetAtt': [key?.id, 'Arn'] },
    });
    expect(key?.properties).toMatchObject({ EnableKeyRotation: true, PendingWindowInDays: 30 });
    expect([vault, key].map((one) => one?.resource.DeletionPolicy)).toEqual(['Retain', 'Retain']);
  });

  it('has the stage’s name in its own where the stage gives none', () => {
    expect(copiesVaultName('own', { region: 'eu-west-1', days: 90 })).toBe('dbrag-own-copies');
  });

  it('lets nobody take a copy out before its days are over', () => {
    const [vault] = resourcesOf(copies, 'AWS::Backup::BackupVault');
    expect(vault?.properties.AccessPolicy.Statement).toEqual([
      {
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: expect.arrayContaining(['backup:DeleteRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle']),
        Resource: '*',
      },
    ]);
  });
});
