import { createHash } from 'node:crypto';

/** The account and region that every local ARN names. */
export const localAccount = '000000000000';
export const localRegion = 'us-east-1';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `<stack>-<logical id>`, cut to `maximumLength` with a hash in place of the rest: the same at every start. */
export function physicalName(stack: string, logicalId: string, maximumLength: number): string {
  const name = `${stack}-${logicalId}`;
  if (name.length <= maximumLength) return name;
  return `${name.slice(0, maximumLength - 9)}-${hash(name).slice(0, 8)}`;
}

export function arn(service: string, resource: string, place = `${localRegion}:${localAccount}`): string {
  return `arn:aws:${service}:${place}:${resource}`;
}

/** Secrets Manager ends the ARN of a secret with a hyphen and six characters that no caller can guess; ours are a hash. */
export function secretArn(name: string): string {
  return arn('secretsmanager', `secret:${name}-${hash(`secret ${name}`).slice(0, 6)}`);
}

/** A key id is a UUID; ours is derived, so that ciphertexts stay readable after a restart. */
export function keyId(stack: string, logicalId: string): string {
  const digits = hash(`key ${stack}/${logicalId}`);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-');
}

/** A REST API's id: ten lower-case letters and digits. */
export function restApiId(stack: string, logicalId: string): string {
  return hash(`api ${stack}/${logicalId}`).slice(0, 10);
}
