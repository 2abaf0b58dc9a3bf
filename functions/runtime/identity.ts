import type { TokenDirectory } from '../../shared/access/token-directory.ts';
import type { Clock } from '../../shared/core/clock.ts';
import type { Config } from '../../shared/core/config-shape.ts';
import type { Database } from '../../shared/core/database.ts';
import { DbragError } from '../../shared/core/errors.ts';

/** Authenticates people by the stage's identity providers. The code that verifies tokens is loaded with the first token. */
export function createTokens({ identityProviders }: Config, database: Database, clock: Clock): TokenDirectory {
  let directory: Promise<TokenDirectory> | undefined;
  const load = async (): Promise<TokenDirectory> => {
    const [{ createTokenDirectory }, { readIssuerDocument }] = await Promise.all([
      import('../../shared/access/token-directory.ts'),
      import('../../shared/adapters/oidc/read-issuer-document.ts'),
    ]);
    return createTokenDirectory(identityProviders, { database, clock, read: readIssuerDocument });
  };
  return {
    async find(token, workspace) {
      if (identityProviders.length === 0)
        throw new DbragError('unauthorized', 'Tokens are not accepted here: the stage names no identity provider.');
      directory ??= load();
      return (await directory).find(token, workspace);
    },
  };
}
