import { type Assertion, every, list, resourcesOf } from './assertion.ts';

const hasLogin = ({ cache }: { cache: { login: string } }) => cache.login === 'password';

export const cacheAssertions: readonly Assertion[] = [
  every({
    area: 'cache',
    name: 'the engine and its greatest size are the stage’s',
    type: 'AWS::ElastiCache::ServerlessCache',
    demand: ({ properties }, _system, { cache }) =>
      properties.Engine === cache.engine && properties.CacheUsageLimits?.DataStorage?.Maximum === cache.maxGigabytes,
    break: ({ properties }) => {
      properties.CacheUsageLimits = undefined;
    },
  }),
  every({
    area: 'cache',
    name: 'it has a group that admits only by name',
    type: 'AWS::ElastiCache::ServerlessCache',
    demand: ({ properties }) => list(properties.SecurityGroupIds).length === 1,
    break: ({ properties }) => {
      properties.SecurityGroupIds = [];
    },
  }),
  every({
    area: 'cache',
    name: 'it asks for a login',
    binds: hasLogin,
    type: 'AWS::ElastiCache::ServerlessCache',
    demand: ({ properties }) => properties.UserGroupId !== undefined,
    break: ({ properties }) => {
      properties.UserGroupId = undefined;
    },
  }),
  every({
    area: 'cache',
    name: 'its user has a generated password and no dangerous commands',
    binds: hasLogin,
    type: 'AWS::ElastiCache::User',
    where: ({ properties }) => properties.UserName !== 'default',
    demand: ({ properties }) =>
      properties.AccessString.includes('-@dangerous') &&
      properties.AuthenticationMode?.Type === 'password' &&
      JSON.stringify(properties.AuthenticationMode.Passwords).includes('{{resolve:secretsmanager:'),
    break: ({ properties }) => {
      properties.AccessString = 'on ~* +@all';
    },
  }),
  {
    area: 'cache',
    name: 'no user comes in without a password',
    check: (system) =>
      resourcesOf(system, 'AWS::ElastiCache::User')
        .filter(
          ({ properties }) =>
            properties.AccessString.startsWith('on') && properties.AuthenticationMode?.Type === 'no-password-required',
        )
        .map(({ id }) => id),
    spoil: ({ data }) => {
      data.Resources.Anybody = {
        Type: 'AWS::ElastiCache::User',
        Properties: { AccessString: 'on ~* +@all', AuthenticationMode: { Type: 'no-password-required' } },
      };
    },
  },
  every({
    area: 'cache',
    name: 'functions are told how long entries live',
    type: 'AWS::Lambda::Function',
    where: ({ properties }) => properties.Environment?.Variables?.CACHE_URL !== undefined,
    demand: ({ properties }, _system, { cache }) => {
      const { questionTtl, chunkTtl, metadataTtl, queryTtl } = cache;
      const wanted = JSON.stringify({ questionTtl, chunkTtl, metadataTtl, queryTtl });
      return properties.Environment.Variables.CACHE_SETTINGS === wanted;
    },
    break: ({ properties }) => {
      properties.Environment.Variables.CACHE_SETTINGS = undefined;
    },
  }),
];
