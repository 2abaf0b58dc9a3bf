import type { Stack } from '@aws-sdk/client-cloudformation';
import { DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { Clients } from './clients.ts';
import { type Finding, fine, problem } from './finding.ts';
import { outputOf } from './stacks.ts';

const subject = 'model key';
/** Where a deploy takes the key from, to put it into the stage's secret. */
const keyVariables = ['MODEL_API_KEY', 'OPENAI_API_KEY'] as const;

export interface GivenKey {
  readonly value: string;
  /** Set for the stage. `OPENAI_API_KEY` is often set in a shell for something else: it is used only if no key was ever stored. */
  readonly isMeant: boolean;
}

export function givenModelKey(environment: Readonly<Record<string, string | undefined>>): GivenKey | undefined {
  for (const name of keyVariables) {
    const value = environment[name]?.trim();
    if (value) return { value, isMeant: name === 'MODEL_API_KEY' };
  }
  return undefined;
}

/** Whether the stage has a key of the model provider, or is given one now. */
export async function checkModelKey(
  { secrets }: Pick<Clients, 'secrets'>,
  data: Stack | undefined,
  given: GivenKey | undefined,
): Promise<Finding> {
  const secret = outputOf(data, 'ModelKeySecret');
  if (given && (given.isMeant || secret === undefined || !(await isOverwritten(secrets, secret))))
    return fine(subject, 'given by the environment; the deploy puts it into the secret');
  if (given) return fine(subject, 'stands in the secret; OPENAI_API_KEY does not replace it, MODEL_API_KEY would');
  if (secret === undefined)
    return problem(subject, 'There is none yet: set OPENAI_API_KEY, and the deploy puts it into the secret.');
  return (await isOverwritten(secrets, secret))
    ? fine(subject, 'stands in the secret')
    : problem(
        subject,
        `Nobody has put one into ${secret}: set OPENAI_API_KEY and deploy, or aws secretsmanager put-secret-value --secret-id ${secret} --secret-string <key>.`,
      );
}

/** The stack fills it with a random value, so a secret with a single version has no key yet. */
async function isOverwritten(secrets: Clients['secrets'], secret: string): Promise<boolean> {
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: secret }));
  return Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSPREVIOUS'));
}

/** Puts the key into the secret if another one stands there that it may replace. @returns whether it did */
export async function storeModelKey(
  { secrets }: Pick<Clients, 'secrets'>,
  secret: string,
  { value, isMeant }: GivenKey,
): Promise<boolean> {
  if (!isMeant && (await isOverwritten(secrets, secret))) return false;
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: secret }));
  if (SecretString === value) return false;
  await secrets.send(new PutSecretValueCommand({ SecretId: secret, SecretString: value }));
  return true;
}
