import { type Alarm, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnApplication, CfnDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  type CfnAlias,
  type IFunction,
  type IVersion,
  type Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda';
import { Duration, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { Alarms, Watched } from './alarms.ts';
import { liveAlias } from './live-alias.ts';

/** Of the calls, to the new version, for this long, before all go to it. */
const deploymentConfig = 'CodeDeployDefault.LambdaCanary10Percent5Minutes';
/** In one minute. A version that cannot start fails whatever it gets; one that is broken in a corner shows in what the API answers. */
const toleratedFailures = 2;
/** Of the whole API's answers: old versions fail now and then as well, and a new one has a tenth of the calls. */
const toleratedPercent = 2;
const minute = Duration.minutes(1);

export interface RolloutProps {
  readonly alarms: Alarms;
  /** Of the API, whose 5xx end a rollout as well. */
  readonly apiName: string;
}

/**
 * Lets new code have a tenth of the calls for five minutes, and all of them only if nothing alarms meanwhile; else everything goes back, and
 * the deploy with it. Versions are kept, so that `npm run rollback` finds the one before.
 */
export class Rollout extends Construct {
  private readonly apiName: string;
  private readonly alarms: Alarms;

  constructor(scope: Construct, id: string, { alarms, apiName }: RolloutProps) {
    super(scope, id);
    this.alarms = alarms;
    this.apiName = apiName;
  }

  /**
   * Gives what is to be called in place of each function. Once for all of them.
   * @param provisioned environments that are kept started, by function; left out or 0: none. Lambda starts those of a new version before it has
   *   calls, and refuses another number while an alias leads to two versions
   */
  release<Name extends string>(
    functions: Readonly<Record<Name, LambdaFunction>>,
    provisioned: Readonly<Partial<Record<NoInfer<Name>, number>>>,
  ): Readonly<Record<Name, IFunction>> {
    const named = Object.entries<LambdaFunction>(functions);
    const all = named.map(([, fn]) => fn);
    const application = new CfnApplication(this, 'Application', { computePlatform: 'Lambda' });
    const { role, policy } = this.createRole(all);
    const alarms = [this.watchFunctions(all), this.watchApi()];
    const released = named.map(([name, fn]) => {
      const kept = provisioned[name as Name] ?? 0;
      const alias = new Alias(fn, 'Live', {
        aliasName: liveAlias,
        version: fn.currentVersion as IVersion,
        ...(kept === 0 ? {} : { provisionedConcurrentExecutions: kept }),
      });
      const group = new CfnDeploymentGroup(fn, 'Rollout', {
        applicationName: application.ref,
        serviceRoleArn: role.roleArn,
        deploymentConfigName: deploymentConfig,
        deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
        autoRollbackConfiguration: {
          enabled: true,
          events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'],
        },
        alarmConfiguration: { enabled: true, alarms: alarms.map(({ alarmName }) => ({ name: alarmName })) },
      });
      (alias.node.defaultChild as CfnAlias).cfnOptions.updatePolicy = {
        codeDeployLambdaAliasUpdate: { applicationName: application.ref, deploymentGroupName: group.ref },
      };
      // Else the first shift could come before the right to make it.
      alias.node.addDependency(policy);
      return [name, alias];
    });
    return Object.fromEntries(released);
  }

  /** CodeDeploy's managed policy would let it move the aliases of every function of the account. */
  private createRole(functions: readonly LambdaFunction[]): { readonly role: Role; readonly policy: Policy } {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('codedeploy.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    const policy = new Policy(this, 'Policy', {
      roles: [role],
      statements: [
        new PolicyStatement({
          actions: ['lambda:GetAlias', 'lambda:UpdateAlias', 'lambda:GetProvisionedConcurrencyConfig'],
          resources: functions.flatMap(({ functionArn }) => [functionArn, `${functionArn}:${liveAlias}`]),
        }),
        new PolicyStatement({ actions: ['cloudwatch:DescribeAlarms'], resources: ['*'] }),
      ],
    });
    Validations.of(policy).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'CloudWatch describes alarms to who may describe all of them: it knows no narrower right that covers each kind.',
    });
    return { role, policy };
  }

  private watchFunctions(functions: readonly LambdaFunction[]): Alarm {
    const errors = functions.map(({ functionName }, at): [string, Metric] => [
      `e${at}`,
      // By names alone: a reference to the alias would make a circle with the rollout that its update waits for.
      new Metric({
        namespace: 'AWS/Lambda',
        metricName: 'Errors',
        dimensionsMap: { FunctionName: functionName, Resource: `${functionName}:${liveAlias}` },
        statistic: 'Sum',
        period: minute,
      }),
    ]);
    return this.watch('FunctionErrors', {
      says: 'Functions end in errors: a rollout goes back.',
      metric: new MathExpression({
        expression: errors.map(([name]) => `FILL(${name}, 0)`).join(' + '),
        usingMetrics: Object.fromEntries(errors),
        period: minute,
      }),
      above: toleratedFailures,
    });
  }

  private watchApi(): Alarm {
    return this.watch('ApiErrors', {
      says: 'The API answers 5xx: a rollout goes back.',
      metric: new MathExpression({
        expression: `IF(FILL(failed, 0) > ${toleratedFailures}, 100 * failed / asked, 0)`,
        usingMetrics: { failed: this.ofApi('5XXError'), asked: this.ofApi('Count') },
        period: minute,
      }),
      above: toleratedPercent,
    });
  }

  private ofApi(metricName: string): Metric {
    return new Metric({
      namespace: 'AWS/ApiGateway',
      metricName,
      dimensionsMap: { ApiName: this.apiName },
      statistic: 'Sum',
      period: minute,
    });
  }

  private watch(id: string, what: Omit<Watched, 'runbook'>): Alarm {
    return this.alarms.watch(this, id, { ...what, runbook: 'A rollout went back' });
  }
}
