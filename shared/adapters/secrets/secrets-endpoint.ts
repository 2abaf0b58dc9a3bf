type Environment = Readonly<Record<string, string | undefined>>;

/** Regions of the partition `aws`, as the SDK tells them from those of China, GovCloud and others, whose addresses end differently. */
const plainRegion = /^(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+$/;
/** Settings that give the service another address, by rules that only the SDK knows. */
const otherAddresses = [
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
] as const;

/**
 * The address of Secrets Manager where it is plain to see.
 * @returns undefined where the SDK's client has to find it
 * @throws TypeError for a setting that is no URL
 */
export function secretsEndpoint(environment: Environment): URL | undefined {
  if (otherAddresses.some((name) => environment[name])) return undefined;
  const { AWS_REGION: region = '', AWS_ENDPOINT_URL_SECRETS_MANAGER: own, AWS_ENDPOINT_URL: ofAll } = environment;
  // The service's own setting is the stronger one.
  if (own) return new URL(own);
  if (ofAll || !plainRegion.test(region)) return undefined;
  return new URL(`https://secretsmanager.${region}.amazonaws.com`);
}
