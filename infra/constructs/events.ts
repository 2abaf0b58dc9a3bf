import { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';

/**
 * The stage's own bus, on which ends of documents and jobs are told. A bus of its own: its listeners are seen in one place, and
 * nobody's rule on the default bus matches by accident. It costs nothing while nothing is told.
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

  /** Lets a function tell, and tells it where. */
  grantTell(grantee: LambdaFunction): void {
    grantee.addToRolePolicy(new PolicyStatement({ actions: ['events:PutEvents'], resources: [this.bus.eventBusArn] }));
    grantee.addEnvironment(names.eventBusName, this.bus.eventBusName);
  }
}
