import { readFileSync } from 'node:fs';
import { taskRoot } from '../../shared/core/config.ts';
import type { DatabaseConfig } from '../../shared/core/config-shape.ts';

/** How a connection is verified: against Amazon's authorities, bundled beside the code. `off` only for stages on loopback. */
export function databaseTls({ tls }: Pick<DatabaseConfig, 'tls'>): 'off' | { readonly ca: string } {
  return tls === 'off' ? 'off' : { ca: readFileSync(`${taskRoot()}/certificates/databases.pem`, 'utf8') };
}
