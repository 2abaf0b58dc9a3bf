import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CfnFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { CustomResource, type Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

export interface MigrationProps {
  /** Answers CloudFormation itself, by a PUT to the event's `ResponseURL`. */
  readonly migrate: LambdaFunction;
  /** How long CloudFormation waits for the answer. */
  readonly timeout: Duration;
  /** Where the numbered SQL files are. */
  readonly directory: string;
  /** Values that the migration writes into the database and that a deploy may change. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Runs the migrations at every deploy that changes them, before the functions that rely on them are touched. */
export class Migration extends Construct {
  private readonly run: CustomResource;

  constructor(scope: Construct, id: string, { migrate, timeout, directory, settings }: MigrationProps) {
    super(scope, id);
    this.run = new CustomResource(this, 'Run', {
      resourceType: 'Custom::DatabaseMigration',
      serviceToken: migrate.functionArn,
      serviceTimeout: timeout,
      properties: { migrations: hashOfMigrations(directory), ...settings },
    });
    // Its rights and ways are resources of their own, which the function does not name.
    this.run.node.addDependency(migrate);
    for (const group of migrate.connections.securityGroups) this.run.node.addDependency(group);
  }

  /** Expand and contract: the old code runs on the new schema until it is replaced. */
  runBefore(functions: readonly LambdaFunction[]): void {
    const run = this.run.node.defaultChild;
    for (const fn of functions) (fn.node.defaultChild as CfnFunction).node.addDependency(run ?? this.run);
  }
}

/** Changes with the name and the content of every migration. */
function hashOfMigrations(directory: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(directory).filter((file) => file.endsWith('.sql'));
  for (const file of files.sort()) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(directory, file)))
      .update('\0');
  }
  return hash.digest('hex');
}
