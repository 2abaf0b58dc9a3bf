import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  type ListSecretsCommandOutput,
  PutSecretValueCommand,
  RestoreSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVirtualClock } from '../../../infra/local/aws/clock.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createSecretsManagerServer, type SecretsManagerServer } from '../../../infra/local/secrets-manager/server.ts';

const DAY = 86_400_000;
const authorizer = createAuthorizer();
const administrator = authorizer.issueAccessKey('administrator', 'administrator');
const clock = createVirtualClock(Date.now());
const log: string[] = [];
let directory: string;
let server: SecretsManagerServer;
let endpoint: string;
let secrets: SecretsManagerClient;

async function start(): Promise<void> {
  server = createSecretsManagerServer({ directory, authorizer, clock, log: (message) => void log.push(message) });
  endpoint = await server.listen();
  secrets = new SecretsManagerClient({ region: 'us-east-1', endpoint, credentials: administrator, maxAttempts: 1 });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dbrag-secrets-'));
  await start();
});

afterAll(async () => {
  secrets.destroy();
  await server.close();
  await rm(directory, { recursive: true });
  expect(log).toEqual([]);
});

const create = (Name: string, SecretString?: string, ClientRequestToken?: string) =>
  secrets.send(new CreateSecretCommand({ Name, SecretString, ClientRequestToken }));
const get = (SecretId: string, VersionStage?: string) =>
  secrets.send(new GetSecretValueCommand({ SecretId, VersionStage }));
const failure = (name: string) => expect.objectContaining({ name });

test('a secret is read by its name, its ARN and its ARN without the random part', async () => {
  const { ARN = '' } = await create('by/name', 'value');
  expect(ARN).toMatch(/^arn:aws:secretsmanager:us-east-1:000000000000:secret:by\/name-[A-Za-z0-9]{6}$/);
  for (const id of ['by/name', ARN, ARN.slice(0, -7)]) {
    expect(await get(id)).toMatchObject({ SecretString: 'value', Name: 'by/name', ARN, VersionStages: ['AWSCURRENT'] });
  }
  await expect(get('by/nam')).rejects.toThrow(failure('ResourceNotFoundException'));
});

test('a binary value comes back as bytes', async () => {
  await secrets.send(new CreateSecretCommand({ Name: 'binary', SecretBinary: Buffer.from([0, 255, 7]) }));
  expect([...((await get('binary')).SecretBinary ?? [])]).toEqual([0, 255, 7]);
});

test('a new value is current, the one before is previous', async () => {
  await create('versions', 'one');
  await secrets.send(new PutSecretValueCommand({ SecretId: 'versions', SecretString: 'two' }));
  await secrets.send(new UpdateSecretCommand({ SecretId: 'versions', SecretString: 'three', Description: 'third' }));
  expect((await get('versions')).SecretString).toBe('three');
  expect((await get('versions', 'AWSPREVIOUS')).SecretString).toBe('two');
  const described = await secrets.send(new DescribeSecretCommand({ SecretId: 'versions' }));
  expect(Object.values(described.VersionIdsToStages ?? {}).sort()).toEqual([['AWSCURRENT'], ['AWSPREVIOUS']]);
  expect(described.Description).toBe('third');
  expect(described.CreatedDate).toBeInstanceOf(Date);
});

test('the same token with the same value is one call, with another value it is refused', async () => {
  const token = '11111111-2222-3333-4444-555555555555';
  const first = await create('idempotent', 'one', token);
  expect(await create('idempotent', 'one', token)).toMatchObject({ ARN: first.ARN, VersionId: token });
  await expect(create('idempotent', 'one')).rejects.toThrow(failure('ResourceExistsException'));
  const put = (SecretString: string) =>
    secrets.send(
      new PutSecretValueCommand({
        SecretId: 'idempotent',
        SecretString,
        ClientRequestToken: '22222222-2222-3333-4444-555555555555',
      }),
    );
  expect((await put('two')).VersionId).toBe((await put('two')).VersionId);
  await expect(put('three')).rejects.toThrow(failure('ResourceExistsException'));
  expect((await get('idempotent', 'AWSPREVIOUS')).SecretString).toBe('one');
});

test('a deleted secret can be restored within its window and is gone after it', async () => {
  await create('doomed', 'x');
  await secrets.send(new DeleteSecretCommand({ SecretId: 'doomed', RecoveryWindowInDays: 7 }));
  await expect(get('doomed')).rejects.toThrow(failure('InvalidRequestException'));
  await expect(create('doomed', 'y')).rejects.toThrow(failure('InvalidRequestException'));
  await clock.advance(6 * DAY);
  await secrets.send(new RestoreSecretCommand({ SecretId: 'doomed' }));
  expect((await get('doomed')).SecretString).toBe('x');
  await secrets.send(new DeleteSecretCommand({ SecretId: 'doomed', RecoveryWindowInDays: 7 }));
  await clock.advance(7 * DAY);
  await expect(get('doomed')).rejects.toThrow(failure('ResourceNotFoundException'));
  expect((await create('doomed', 'again')).Name).toBe('doomed');
});

test('a forced deletion is at once, and repeatable', async () => {
  await create('forced', 'x');
  const remove = () => secrets.send(new DeleteSecretCommand({ SecretId: 'forced', ForceDeleteWithoutRecovery: true }));
  await remove();
  await expect(get('forced')).rejects.toThrow(failure('ResourceNotFoundException'));
  expect((await remove()).Name).toBe('forced');
  await create('forced', 'y');
  await expect(secrets.send(new DeleteSecretCommand({ SecretId: 'forced', RecoveryWindowInDays: 3 }))).rejects.toThrow(
    failure('InvalidParameterException'),
  );
});

test('a list is filtered by prefix and paged', async () => {
  for (const name of ['list/a', 'list/b', 'list/c']) await create(name, 'x');
  const names: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const page: ListSecretsCommandOutput = await secrets.send(
      new ListSecretsCommand({ Filters: [{ Key: 'name', Values: ['list/'] }], MaxResults: 2, NextToken }),
    );
    names.push(...(page.SecretList ?? []).map(({ Name }) => Name));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  expect(names).toEqual(['list/a', 'list/b', 'list/c']);
});

test('a random password, and rotation that says what it does not do', async () => {
  const { RandomPassword = '' } = await secrets.send(
    new GetRandomPasswordCommand({ PasswordLength: 40, ExcludePunctuation: true }),
  );
  expect(RandomPassword).toMatch(/^[A-Za-z0-9]{40}$/);
  await expect(secrets.send(new RotateSecretCommand({ SecretId: 'list/a' }))).rejects.toThrow(/does not rotate/);
});

test('a generated secret of the template is the same after a restart, a literal one follows the template', async () => {
  const generate = {
    SecretStringTemplate: '{"username":"dbrag"}',
    GenerateStringKey: 'password',
    ExcludePunctuation: true,
    PasswordLength: 20,
  };
  const generated = {
    name: 'from/template',
    arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:from/template-AbCdEf',
    generate,
  };
  server.createSecret(generated);
  server.createSecret({ name: 'literal', value: 'one' });
  const before = (await get(generated.arn)).SecretString ?? '';
  expect(JSON.parse(before)).toEqual({ username: 'dbrag', password: expect.stringMatching(/^[A-Za-z0-9]{20}$/) });
  secrets.destroy();
  await server.close();
  await start();
  server.createSecret(generated);
  server.createSecret({ name: 'literal', value: 'two' });
  server.createSecret({ name: 'literal', value: 'one' });
  expect((await get('from/template')).SecretString).toBe(before);
  expect(server.valueOf('literal')).toBe('one');
  expect((await get('literal', 'AWSPREVIOUS')).SecretString).toBe('two');
  server.setValue('from/template', '{"host":"here"}');
  expect(server.valueOf(generated.arn)).toBe('{"host":"here"}');
});

test("a role reads only its own secrets, and needs the secret's key", async () => {
  const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/one';
  const { arn } = server.createSecret({ name: 'guarded', value: 'x', keyArn });
  const { arn: other } = server.createSecret({ name: 'others', value: 'x' });
  const read = { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: arn } as const;
  const decrypt = {
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: keyArn,
    Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } },
  } as const;
  const clientOf = (...statements: (typeof read | typeof decrypt)[]) =>
    new SecretsManagerClient({
      region: 'us-east-1',
      endpoint,
      credentials: authorizer.issueAccessKey('role', statements),
      maxAttempts: 1,
    });
  const [withKey, withoutKey] = [clientOf(read, decrypt), clientOf(read)];
  const value = (client: SecretsManagerClient, SecretId: string) =>
    client.send(new GetSecretValueCommand({ SecretId }));
  expect((await value(withKey, 'guarded')).SecretString).toBe('x');
  await expect(value(withoutKey, 'guarded')).rejects.toThrow(/kms:Decrypt/);
  await expect(value(withKey, other)).rejects.toThrow(failure('AccessDeniedException'));
  await expect(value(withKey, 'never/made')).rejects.toThrow(failure('AccessDeniedException'));
  withKey.destroy();
  withoutKey.destroy();
});
