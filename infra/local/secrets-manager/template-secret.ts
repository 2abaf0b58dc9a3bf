import { randomUUID } from 'node:crypto';
import { generatePassword, type PasswordOptions } from './generate-password.ts';
import type { Secret, SecretStore } from './secret-store.ts';
import { CURRENT, findSecret, newArn, putVersion } from './secrets.ts';

/** `AWS::SecretsManager::Secret`, in the shape that the assembly's reader gives. */
export interface SecretSettings {
  readonly name: string;
  /** Made from the name when left out. */
  readonly arn?: string;
  readonly description?: string;
  readonly keyArn?: string | null;
  /** The members of `GenerateSecretString`. */
  readonly generate?: Readonly<Record<string, string | number | boolean>> | null;
  /** The literal `SecretString`. */
  readonly value?: string | null;
}

/** Makes the secret, or updates an existing one. A generated value is generated once and stays through every restart. */
export function applyTemplate(store: SecretStore, settings: SecretSettings, now: number): Secret {
  return store.transaction(() => {
    const existing = (settings.arn && store.byArn(settings.arn)) || findSecret(store, settings.name, now);
    const secret: Secret = {
      arn: existing?.arn ?? settings.arn ?? newArn(settings.name),
      name: settings.name,
      description: settings.description ?? '',
      keyArn: settings.keyArn ?? undefined,
      tags: existing?.tags ?? {},
      createdAt: existing?.createdAt ?? now,
      changedAt: existing?.changedAt ?? now,
      deleteAt: undefined,
    };
    store.save(secret);
    const current = store.versions(secret.arn).find(({ stages }) => stages.includes(CURRENT));
    const wanted =
      settings.value ?? (current === undefined && settings.generate ? generatedValue(settings.generate) : undefined);
    if (wanted !== undefined && wanted !== current?.string) {
      putVersion(store, secret, { token: randomUUID(), value: { string: wanted }, stages: [CURRENT], now });
    }
    return secret;
  });
}

/** The password alone, or the JSON template with the password under its key. */
export function generatedValue(generate: NonNullable<SecretSettings['generate']>): string {
  const { SecretStringTemplate, GenerateStringKey, ...options } = generate;
  const password = generatePassword(passwordOptions(options));
  if (SecretStringTemplate === undefined && GenerateStringKey === undefined) return password;
  if (typeof SecretStringTemplate !== 'string' || typeof GenerateStringKey !== 'string') {
    throw new Error('SecretStringTemplate and GenerateStringKey go together');
  }
  return JSON.stringify({ ...JSON.parse(SecretStringTemplate), [GenerateStringKey]: password });
}

/** Templates may write numbers and booleans as text. */
function passwordOptions(options: Readonly<Record<string, string | number | boolean>>): PasswordOptions {
  const entries = Object.entries(options).map(([name, value]) => {
    if (name === 'ExcludeCharacters') return [name, String(value)];
    if (name === 'PasswordLength') return [name, Number(value)];
    return [name, String(value) === 'true'];
  });
  return Object.fromEntries(entries) as PasswordOptions;
}
