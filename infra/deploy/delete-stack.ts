import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from './clients.ts';
import { CommandError } from './finding.ts';
import { findStack } from './stacks.ts';
import type { Waiting } from './waiting.ts';

/** CloudFormation itself waits up to three quarters of an hour for the network interfaces of functions. */
const patienceSeconds = 3_600;
const pauseSeconds = 15;

/**
 * Deletes a stack and waits for its end.
 * @throws CommandError with CloudFormation's reason when it could not be deleted
 */
export async function deleteStack(clients: Clients, name: string, waiting: Waiting): Promise<void> {
  await clients.stacks.send(new DeleteStackCommand({ StackName: name }));
  for (let waited = 0; waited <= patienceSeconds; waited += pauseSeconds) {
    const stack = await findStack(clients, name);
    if (stack === undefined) return;
    if (stack.StackStatus === 'DELETE_FAILED')
      throw new CommandError(
        `${name} could not be deleted: ${stack.StackStatusReason ?? 'CloudFormation gives no reason'} Mend that and run the command again: it goes on from here.`,
      );
    waiting.tell(`${name}: ${stack.StackStatus}, ${waited} s`);
    await waiting.sleep(pauseSeconds);
  }
  throw new CommandError(`${name} is still being deleted after an hour: run the command again to go on waiting.`);
}
