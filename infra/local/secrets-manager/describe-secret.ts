import type { Secret, Version } from './secret-store.ts';

/** DescribeSecret's answer, and an entry of ListSecrets. Never holds a value. */
export function describeSecret(secret: Secret, versions: readonly Version[]): Record<string, unknown> {
  const staged = versions.filter(({ stages }) => stages.length > 0);
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.description !== '' && { Description: secret.description }),
    ...(secret.keyArn !== undefined && { KmsKeyId: secret.keyArn }),
    RotationEnabled: false,
    CreatedDate: seconds(secret.createdAt),
    LastChangedDate: seconds(secret.changedAt),
    ...(secret.deleteAt !== undefined && { DeletedDate: seconds(secret.deleteAt) }),
    Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
    VersionIdsToStages: Object.fromEntries(staged.map(({ id, stages }) => [id, stages])),
  };
}

/** Whether every filter of ListSecrets holds: each of its values is a prefix, `!` turns one round. */
export function passesFilters(secret: Secret, filters: unknown): boolean {
  if (!Array.isArray(filters)) return true;
  return filters.every(({ Key, Values }: { Key?: string; Values?: string[] }) =>
    (Values ?? []).some((value) => {
      const negated = value.startsWith('!');
      const prefix = (negated ? value.slice(1) : value).toLowerCase();
      return fieldsOf(secret, Key ?? '').some((field) => field.toLowerCase().startsWith(prefix)) !== negated;
    }),
  );
}

function fieldsOf(secret: Secret, key: string): string[] {
  const names = Object.keys(secret.tags);
  const values = Object.values(secret.tags);
  switch (key) {
    case 'name':
      return [secret.name];
    case 'description':
      return secret.description.split(/\s+/);
    case 'tag-key':
      return names;
    case 'tag-value':
      return values;
    case 'all':
      return [secret.name, ...secret.description.split(/\s+/), ...names, ...values];
    default:
      return [];
  }
}

/** AWS JSON writes times as seconds with a fraction. */
export function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}
