import { randomUUID } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { JsonCall, JsonInput, JsonOperation } from '../aws/json-protocol.ts';
import { deletionOperations } from './deletion-operations.ts';
import { describeSecret, passesFilters, seconds } from './describe-secret.ts';
import { generatePassword, type PasswordOptions } from './generate-password.ts';
import {
  hasValue,
  invalidParameter,
  invalidRequest,
  optionalText,
  requiredText,
  secretValue,
  tagsOf,
} from './input.ts';
import { type Parts, requireLivingSecret, requireSecret } from './require-secret.ts';
import type { Secret, SecretStore, SecretValue } from './secret-store.ts';
import { CURRENT, findSecret, newArn, putVersion } from './secrets.ts';

const KEY_TO_WRITE = ['kms:GenerateDataKey', 'kms:Decrypt'] as const;
const PAGE_SIZE = 100;

/** All operations that are offered; each asks IAM on the secret's ARN. */
export function secretsOperations(parts: Parts): Record<string, JsonOperation> {
  return { ...valueOperations(parts), ...metadataOperations(parts), ...deletionOperations(parts), ...rotation() };
}

function valueOperations(parts: Parts): Record<string, JsonOperation> {
  const { store, access, clock } = parts;
  return {
    GetSecretValue(input, call) {
      const secret = requireLivingSecret(parts, input, call, 'GetSecretValue');
      const id = optionalText(input, 'VersionId');
      const stage = optionalText(input, 'VersionStage') ?? (id === undefined ? CURRENT : undefined);
      const version = store
        .versions(secret.arn)
        .find((each) => (id === undefined || each.id === id) && (stage === undefined || each.stages.includes(stage)));
      if (version === undefined) {
        const wanted = id === undefined ? `staging label: ${stage}` : `VersionId: ${id}`;
        throw new AwsError(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for ${wanted}`,
        );
      }
      access.requireKey(call, secret, ['kms:Decrypt']);
      return {
        ARN: secret.arn,
        Name: secret.name,
        VersionId: version.id,
        SecretString: version.string,
        SecretBinary: version.binary,
        VersionStages: version.stages,
        CreatedDate: seconds(version.createdAt),
      };
    },
    PutSecretValue(input, call) {
      const secret = requireLivingSecret(parts, input, call, 'PutSecretValue');
      access.requireKey(call, secret, KEY_TO_WRITE);
      const stages = stagesOf(input);
      const token = optionalText(input, 'ClientRequestToken') ?? randomUUID();
      const value = secretValue(input);
      const version = store.transaction(() => putVersion(store, secret, { token, value, stages, now: clock.now() }));
      return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages };
    },
    GetRandomPassword(input, call) {
      access.require(call, 'GetRandomPassword', '*');
      return { RandomPassword: generatePassword(input as PasswordOptions) };
    },
  };
}

function stagesOf(input: JsonInput): string[] {
  const stages = input.VersionStages ?? [CURRENT];
  if (!Array.isArray(stages) || stages.length === 0 || stages.some((stage) => typeof stage !== 'string')) {
    throw invalidParameter('VersionStages must be a list of labels.');
  }
  return stages;
}

function metadataOperations(parts: Parts): Record<string, JsonOperation> {
  const { store, access, clock } = parts;
  return {
    CreateSecret: (input, call) => createSecret(parts, input, call),
    UpdateSecret(input, call) {
      const secret = requireLivingSecret(parts, input, call, 'UpdateSecret');
      const next: Secret = {
        ...secret,
        description: optionalText(input, 'Description') ?? secret.description,
        keyArn: optionalText(input, 'KmsKeyId') ?? secret.keyArn,
        changedAt: clock.now(),
      };
      const value = secretValue(input);
      if (hasValue(value)) access.requireKey(call, next, KEY_TO_WRITE);
      const token = optionalText(input, 'ClientRequestToken') ?? randomUUID();
      const version = store.transaction(() => {
        store.save(next);
        return hasValue(value)
          ? putVersion(store, next, { token, value, stages: [CURRENT], now: clock.now() })
          : undefined;
      });
      return { ARN: secret.arn, Name: secret.name, VersionId: version?.id };
    },
    DescribeSecret(input, call) {
      const secret = requireSecret(parts, input, call, 'DescribeSecret');
      return describeSecret(secret, store.versions(secret.arn));
    },
    ListSecretVersionIds(input, call) {
      const secret = requireSecret(parts, input, call, 'ListSecretVersionIds');
      const versions = store
        .versions(secret.arn)
        .filter(({ stages }) => stages.length > 0 || input.IncludeDeprecated === true);
      return {
        ARN: secret.arn,
        Name: secret.name,
        Versions: versions.map(({ id, stages, createdAt }) => ({
          VersionId: id,
          VersionStages: stages,
          CreatedDate: seconds(createdAt),
        })),
      };
    },
    ListSecrets: (input, call) => listSecrets(parts, input, call),
    TagResource(input, call) {
      const secret = requireLivingSecret(parts, input, call, 'TagResource');
      store.save({ ...secret, tags: { ...secret.tags, ...tagsOf(input) }, changedAt: clock.now() });
      return {};
    },
    UntagResource(input, call) {
      const secret = requireLivingSecret(parts, input, call, 'UntagResource');
      const gone = new Set(Array.isArray(input.TagKeys) ? input.TagKeys : []);
      const tags = Object.fromEntries(Object.entries(secret.tags).filter(([key]) => !gone.has(key)));
      store.save({ ...secret, tags, changedAt: clock.now() });
      return {};
    },
  };
}

function createSecret({ store, access, clock }: Parts, input: JsonInput, call: JsonCall): object {
  const name = requiredText(input, 'Name');
  if (!/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(name)) {
    throw invalidParameter(
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    );
  }
  const now = clock.now();
  const existing = findSecret(store, name, now);
  const keyArn = optionalText(input, 'KmsKeyId');
  const secret: Secret = {
    arn: existing?.arn ?? newArn(name),
    name,
    description: optionalText(input, 'Description') ?? '',
    keyArn,
    tags: tagsOf(input),
    createdAt: now,
    changedAt: now,
    deleteAt: undefined,
  };
  access.require(call, 'CreateSecret', secret.arn);
  if (Object.keys(secret.tags).length > 0) access.require(call, 'TagResource', secret.arn);
  const value = secretValue(input);
  if (hasValue(value)) access.requireKey(call, secret, KEY_TO_WRITE);
  const token = optionalText(input, 'ClientRequestToken') ?? randomUUID();
  if (existing !== undefined) return repeatedCreate(store, existing, token, value);
  return store.transaction(() => {
    store.save(secret);
    if (!hasValue(value)) return { ARN: secret.arn, Name: name };
    const { id } = putVersion(store, secret, { token, value, stages: [CURRENT], now });
    return { ARN: secret.arn, Name: name, VersionId: id };
  });
}

/** A retry of the call that made the secret succeeds again; any other is refused. */
function repeatedCreate(store: SecretStore, existing: Secret, token: string, value: SecretValue): object {
  if (existing.deleteAt !== undefined) {
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  const same = store.versions(existing.arn).find(({ id }) => id === token);
  if (same !== undefined && same.string === value.string && same.binary === value.binary) {
    return { ARN: existing.arn, Name: existing.name, VersionId: same.id };
  }
  throw new AwsError(
    'ResourceExistsException',
    `The operation failed because the secret ${existing.name} already exists.`,
  );
}

function listSecrets({ store, access, clock }: Parts, input: JsonInput, call: JsonCall): object {
  access.require(call, 'ListSecrets', '*');
  const after = optionalText(input, 'NextToken');
  const limit = Math.min(Number(input.MaxResults ?? PAGE_SIZE), PAGE_SIZE);
  const listed = store
    .all()
    .filter((secret) => findSecret(store, secret.arn, clock.now()) !== undefined)
    .filter((secret) => secret.deleteAt === undefined || input.IncludePlannedDeletion === true)
    .filter((secret) => passesFilters(secret, input.Filters));
  if (input.SortOrder === 'desc') listed.reverse();
  const start = after === undefined ? 0 : listed.findIndex(({ arn }) => arn === after) + 1;
  const page = listed.slice(start, start + limit);
  return {
    SecretList: page.map((secret) => {
      const { VersionIdsToStages, ...entry } = describeSecret(secret, store.versions(secret.arn));
      return { ...entry, SecretVersionsToStages: VersionIdsToStages };
    }),
    NextToken: start + limit < listed.length ? page.at(-1)?.arn : undefined,
  };
}

/** Rotation runs functions on a schedule; nothing in this system uses it, so it says so instead of pretending. */
function rotation(): Record<string, JsonOperation> {
  const refuse = (): never => {
    throw invalidRequest(
      'The Secrets Manager of this machine does not rotate secrets. Write the new value with PutSecretValue.',
    );
  };
  return { RotateSecret: refuse, CancelRotateSecret: refuse };
}
