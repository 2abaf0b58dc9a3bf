import {
  InterfaceVpcEndpointAwsService,
  type ISecurityGroup,
  type IVpc,
  type SubnetSelection,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Stack } from 'aws-cdk-lib/core';

const services = {
  Sqs: { service: InterfaceVpcEndpointAwsService.SQS, actions: ['sqs:*'] },
  SecretsManager: { service: InterfaceVpcEndpointAwsService.SECRETS_MANAGER, actions: ['secretsmanager:*'] },
  Kms: { service: InterfaceVpcEndpointAwsService.KMS, actions: ['kms:*'] },
  Logs: { service: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS, actions: ['logs:*'] },
  Sts: { service: InterfaceVpcEndpointAwsService.STS, actions: ['sts:*'] },
  XRay: { service: InterfaceVpcEndpointAwsService.XRAY, actions: ['xray:*'] },
} as const;

/**
 * Private ways to the AWS services that functions call. Each admits principals of this account only: a leaked key of a stranger's
 * account cannot carry data out through them.
 */
export function addInterfaceEndpoints(
  vpc: IVpc,
  subnets: SubnetSelection,
  group: ISecurityGroup,
  secretsGroup: ISecurityGroup,
): void {
  const { account } = Stack.of(group);
  for (const [id, { service, actions }] of Object.entries(services)) {
    const endpoint = vpc.addInterfaceEndpoint(id, {
      service,
      subnets,
      securityGroups: [id === 'SecretsManager' ? secretsGroup : group],
      open: false,
      privateDnsEnabled: true,
    });
    endpoint.addToPolicy(
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions: [...actions],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:PrincipalAccount': account } },
      }),
    );
  }
}
