import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { describe, expect, it } from 'vitest';
import { secretsEndpoint } from '../../../shared/adapters/secrets/secrets-endpoint.ts';

const region = 'eu-central-1';
const own = 'http://127.0.0.1:4566/';

describe('the address of Secrets Manager', () => {
  it.each([
    ...['us-east-1', 'us-west-2', 'eu-central-1', 'ap-southeast-2', 'ca-central-1', 'sa-east-1', 'il-central-1'],
    ...[
      'cn-north-1',
      'cn-northwest-1',
      'us-gov-west-1',
      'us-iso-east-1',
      'us-isob-east-1',
      'eu-isoe-west-1',
      'eusc-de-east-1',
    ],
    'us-isof-south-1',
  ])('in %s is the client’s, or left to the client', (name) => {
    const { endpointProvider } = new SecretsManagerClient({ region: name }).config;
    const { url } = endpointProvider({ Region: name, UseDualStack: false, UseFIPS: false });
    const found = secretsEndpoint({ AWS_REGION: name });
    const isPlain = /^[a-z]{2}-[a-z]+-\d$/.test(name) && !name.startsWith('cn');
    expect(found?.href).toBe(isPlain ? url.href : undefined);
  });

  it('is the one that is set for this service, whatever is set for all', () => {
    const set = { AWS_REGION: region, AWS_ENDPOINT_URL_SECRETS_MANAGER: own, AWS_ENDPOINT_URL: 'http://other' };
    expect(secretsEndpoint(set)?.href).toBe(own);
    expect(secretsEndpoint({ ...set, AWS_REGION: 'cn-north-1' })?.href).toBe(own);
  });

  it.each([
    ['AWS_ENDPOINT_URL', own],
    ['AWS_USE_FIPS_ENDPOINT', 'true'],
    ['AWS_USE_DUALSTACK_ENDPOINT', 'true'],
    ['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', 'true'],
  ])('is left to the client where %s is set', (name, value) => {
    expect(secretsEndpoint({ AWS_REGION: region, [name]: value })).toBeUndefined();
    expect(secretsEndpoint({ AWS_REGION: region, [name]: '' })?.href).toBe(
      'https://secretsmanager.eu-central-1.amazonaws.com/',
    );
  });
});
