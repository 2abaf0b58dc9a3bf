import { randomBytes } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { Secret, SecretStore, SecretValue, Version } from './secret-store.ts';

const ARN_PREFIX = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:';
const MOST_VERSIONS = 100;
const LARGEST_VALUE = 65_536;

export const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';

/** The name, six random characters behind it, as in the account: policies end in `-??????`. */
export function newArn(name: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const suffix = [...randomBytes(6)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return `${ARN_PREFIX}${name}-${suffix}`;
}

/** By name, whole ARN, or ARN without the six characters. What was to be gone by `now` is gone. */
export function findSecret(store: SecretStore, id: string, now: number): Secret | undefined {
  const name = id.startsWith(ARN_PREFIX) ? id.slice(ARN_PREFIX.length) : id;
  const secret = store.byArn(id) ?? store.byName(name);
  if (secret?.deleteAt === undefined || secret.deleteAt > now) return secret;
  store.remove(secret.arn);
  return undefined;
}

/**
 * Adds a version. The token is its id, and makes the call idempotent: the same token with the same value changes nothing,
 * with another value it is refused. A new AWSCURRENT makes the old one AWSPREVIOUS.
 */
export function putVersion(
  store: SecretStore,
  secret: Secret,
  { token, value, stages, now }: { token: string; value: SecretValue; stages: readonly string[]; now: number },
): Version {
  const versions = store.versions(secret.arn);
  const same = versions.find(({ id }) => id === token);
  if (same !== undefined) {
    if (same.string === value.string && same.binary === value.binary) return same;
    throw new AwsError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.name}.`,
    );
  }
  checkValue(value);
  const version: Version = { id: token, createdAt: now, stages, ...value };
  const oldCurrent = versions.find((each) => each.stages.includes(CURRENT));
  const moved = stages.includes(CURRENT) && oldCurrent !== undefined;
  const taken = new Set(moved ? [...stages, PREVIOUS] : stages);
  for (const each of versions) {
    const kept = each.stages.filter((stage) => !taken.has(stage));
    const next = moved && each.id === oldCurrent.id ? [...kept, PREVIOUS] : kept;
    if (next.join() !== each.stages.join()) store.saveVersion(secret.arn, { ...each, stages: next });
  }
  store.saveVersion(secret.arn, version);
  store.save({ ...secret, changedAt: now });
  dropUnlabelled(store, secret.arn);
  return version;
}

/** Versions without a stage are only history: the oldest go. */
function dropUnlabelled(store: SecretStore, arn: string): void {
  const versions = store.versions(arn);
  const excess = versions.length - MOST_VERSIONS;
  for (const { id } of versions.filter(({ stages }) => stages.length === 0).slice(0, Math.max(0, excess))) {
    store.removeVersion(arn, id);
  }
}

function checkValue({ string, binary }: SecretValue): void {
  if ((string === undefined) === (binary === undefined)) {
    throw new AwsError('InvalidParameterException', 'You must provide either SecretString or SecretBinary.');
  }
  const size = string === undefined ? Buffer.from(binary ?? '', 'base64').length : Buffer.byteLength(string);
  if (size > LARGEST_VALUE)
    throw new AwsError('InvalidParameterException', `The secret is longer than ${LARGEST_VALUE} bytes.`);
}
