import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Clients } from './clients.ts';
import { CommandError, errorName, type Finding, fine, problem } from './finding.ts';

const subject = 'credentials';

/** Whether AWS knows who asks, in the region that was named. */
export async function checkCredentials({ sts, region }: Pick<Clients, 'sts' | 'region'>): Promise<Finding> {
  try {
    const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({}));
    return fine(subject, `account ${Account} as ${Arn}`);
  } catch (error) {
    return problem(subject, complaint(errorName(error), region, (error as Error).message));
  }
}

/**
 * Where a command is about to change something, for the question that it asks.
 * @throws CommandError where AWS does not know who asks
 */
export async function placeOf(clients: Pick<Clients, 'sts' | 'region'>): Promise<string> {
  const { state, message } = await checkCredentials(clients);
  if (state === 'problem') throw new CommandError(message);
  return `${clients.region}, ${message}`;
}

function complaint(name: string, region: string, message: string): string {
  switch (name) {
    case 'CredentialsProviderError':
      return 'There are none: run aws configure or aws sso login, or set AWS_PROFILE.';
    case 'ExpiredToken':
    case 'ExpiredTokenException':
      return 'They have expired: run aws sso login, or take new ones.';
    case 'InvalidClientTokenId':
    case 'UnrecognizedClientException':
      return `AWS does not know them in ${region}: take others, or enable the region in the account's settings.`;
    case 'ENOTFOUND':
    case 'UnknownEndpoint':
      return `There is no region "${region}" that could be reached: correct --region or AWS_REGION.`;
    default:
      return `AWS refuses them (${name}: ${message}): take others.`;
  }
}
