import type { Stack } from '@aws-sdk/client-cloudformation';
import { DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { Clients } from './clients.ts';
import { type Finding, fine, problem } from './finding.ts';
import { outputOf } from './stacks.ts';

const subject = 'model key';
/** Where a deploy takes the key from, to put it into the stage's secret. */
const keyVariables = ['MODEL_API_KEY', 'OPENAI_API_KEY'] as const;

export function givenModelKey(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return keyVariables.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== '');
}

/** Whether the stage has a key of the model provider, or is given one now. */
export async function checkModelKey(
  { secrets }: Pick<Clients, 'secrets'>,
  data: Stack | undefined,
  given: string | undefined,
): Promise<Finding> {
  if (given !== undefined) return fine(subject, 'given by the environment; the deploy puts it into the secret');
  const secret = outputOf(data, 'ModelKeySecret');
  if (secret === undefined)
    return problem(subject, 'There is none yet: set OPENAI_API_KEY, and the deploy puts it into the secret.');
  // The stack fills it with a random value, so a secret of one version is one that nobody has put a key into.
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: secret }));
  const isOverwritten = Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSPREVIOUS'));
  return isOverwritten
    ? fine(subject, 'stands in the secret')
    : problem(
        subject,
        `Nobody has put one into ${secret}: set OPENAI_API_KEY and deploy, or aws secretsmanager put-secret-value --secret-id ${secret} --secret-string <key>.`,
      );
}

/** Puts the key into the secret if another one stands there. @returns whether it did */
export async function storeModelKey(
  { secrets }: Pick<Clients, 'secrets'>,
  secret: string,
  key: string,
): Promise<boolean> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: secret }));
  if (SecretString === key) return false;
  await secrets.send(new PutSecretValueCommand({ SecretId: secret, SecretString: key }));
  return true;
}
