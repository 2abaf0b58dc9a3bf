import type { EnvironmentName } from '../../../shared/core/env-names.ts';
import type { Assembly } from '../assembly/model.ts';
import type { SecretsManagerServer } from '../secrets-manager/server.ts';

/** ARN of the secret that functions find under `variable`. */
export function secretArnOf(assembly: Assembly, variable: EnvironmentName): string {
  const arn = assembly.functions.map(({ environment }) => environment[variable]).find(Boolean);
  if (arn === undefined) throw new Error(`No function of the assembly has the variable ${variable}`);
  return arn;
}

/** Its current value. */
export function secretValue(secrets: SecretsManagerServer, arn: string): string {
  const value = secrets.valueOf(arn);
  if (value === undefined) throw new Error(`The secret ${arn} has no value`);
  return value;
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

export const secretLogin = (secrets: SecretsManagerServer, arn: string): Login =>
  JSON.parse(secretValue(secrets, arn)) as Login;
