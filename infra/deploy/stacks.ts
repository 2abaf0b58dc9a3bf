import {
  DescribeStacksCommand,
  ListStacksCommand,
  type Stack,
  type StackSummary,
} from '@aws-sdk/client-cloudformation';
import type { Clients } from './clients.ts';

/** The names of a stage's stacks, as `createApplication` gives them. */
export function stackNames(stageName: string): {
  readonly copies: string;
  readonly data: string;
  readonly service: string;
} {
  return {
    copies: `dbrag-${stageName}-copies`,
    data: `dbrag-${stageName}-data`,
    service: `dbrag-${stageName}-service`,
  };
}

/** Undefined where there is none, or none any more. */
export async function findStack({ stacks }: Pick<Clients, 'stacks'>, name: string): Promise<Stack | undefined> {
  try {
    const { Stacks = [] } = await stacks.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks.find(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE');
  } catch (error) {
    // CloudFormation has no error of its own for a stack that is not there.
    if (/does not exist/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** The ARN of the most recently deleted stack of that name, whose resources can be listed by it for 90 days. Undefined if there was none. */
export async function findDeletedStack({ stacks }: Pick<Clients, 'stacks'>, name: string): Promise<string | undefined> {
  let last: StackSummary | undefined;
  let NextToken: string | undefined;
  do {
    const page = await stacks.send(
      new ListStacksCommand({
        StackStatusFilter: ['DELETE_COMPLETE'],
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );
    for (const one of page.StackSummaries ?? [])
      if (one.StackName === name && (one.DeletionTime ?? 0) >= (last?.DeletionTime ?? 0)) last = one;
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return last?.StackId;
}

/** Undefined if the stack has no output of that name. */
export function outputOf(stack: Stack | undefined, name: string): string | undefined {
  return stack?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue;
}
