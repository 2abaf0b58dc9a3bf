import { DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
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

/** Undefined if the stack has no output of that name. */
export function outputOf(stack: Stack | undefined, name: string): string | undefined {
  return stack?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue;
}
