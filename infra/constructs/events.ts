import { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';

/**
 * The stage's own bus, for completion events of documents and jobs. With a separate bus, subscribers are visible in one place, and
 * no rule on the default bus matches by accident. It costs nothing while nothing is published.
 */
export class Events extends Construct {
  private readonly bus: EventBus;

  constructor(scope: Construct, id: string, stageName: string) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', {
      eventBusName: `dbrag-${stageName}`,
      description: 'dbrag: documents that are ready or failed, jobs that have ended',
    });
  }

  /** Lets a function publish, and passes it the bus's name. */
  grantTell(grantee: LambdaFunction): void {
    grantee.addToRolePolicy(new PolicyStatement({ actions: ['events:PutEvents'], resources: [this.bus.eventBusArn] }));
    grantee.addEnvironment(names.eventBusName, this.bus.eventBusName);
  }
}
