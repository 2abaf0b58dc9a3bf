import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import {
  App,
  DefaultStackSynthesizer,
  type IStackSynthesizer,
  type StackProps,
  Tags,
  Validations,
} from 'aws-cdk-lib/core';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { CopiesStack, copiesVaultName } from './copies-stack.ts';
import { DataStack } from './data-stack.ts';
import { featureFlags } from './feature-flags.ts';
import { ServiceStack } from './service-stack.ts';
import type { StageSettings } from './stage-settings.ts';
import { stageNamed } from './stages.ts';

export interface ApplicationOptions {
  /** A stage's name or its settings; default the context value `stage`, or `small`. */
  readonly stage?: string | StageSettings;
  readonly bundleDirectory: string;
  /** Check the templates against CloudFormation's rules and cdk-nag's; findings are errors. */
  readonly validate: boolean;
  readonly outputDirectory?: string;
}

/** The whole system of one stage: a stack that must survive and one that need not, and in a second region, where the stage has one, copies of backups. */
export function createApplication(options: ApplicationOptions): App {
  const { outputDirectory, bundleDirectory, validate } = options;
  const app = new App({
    context: featureFlags,
    ...(outputDirectory === undefined ? {} : { outdir: outputDirectory }),
  });
  const chosen = options.stage ?? String(app.node.tryGetContext('stage') ?? 'small');
  const stage = typeof chosen === 'string' ? stageNamed(chosen) : chosen;
  const data = new DataStack(app, `dbrag-${stage.name}-data`, {
    stage,
    ...stackProps(stage),
    description: 'dbrag: what must survive',
  });
  new ServiceStack(app, `dbrag-${stage.name}-service`, {
    stage,
    ...stackProps(stage),
    description: 'dbrag: what can be made again',
    data,
    bundleDirectory,
  });
  const { permissionsBoundary, backupCopies } = stage.operations;
  if (backupCopies !== null) {
    const copies = new CopiesStack(app, `dbrag-${stage.name}-copies`, {
      ...stackProps(stage),
      vaultName: copiesVaultName(stage.name, backupCopies),
      description: 'dbrag: copies of backups',
      env: { region: backupCopies.region },
    });
    data.addStackDependency(copies, 'its backups are copied there');
  }
  if (permissionsBoundary !== null)
    PermissionsBoundary.of(app).apply(ManagedPolicy.fromManagedPolicyArn(data, 'Boundary', permissionsBoundary));
  for (const [key, value] of Object.entries({ ...stage.operations.tags, stage: stage.name })) {
    Tags.of(app).add(key, value);
  }
  if (validate) Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  return app;
}

/** A synthesiser belongs to one stack alone. */
function stackProps({ operations: { terminationProtection, bootstrapQualifier } }: StageSettings): StackProps {
  return {
    terminationProtection,
    ...(bootstrapQualifier === null
      ? {}
      : { synthesizer: new DefaultStackSynthesizer({ qualifier: bootstrapQualifier }) as IStackSynthesizer }),
  };
}
