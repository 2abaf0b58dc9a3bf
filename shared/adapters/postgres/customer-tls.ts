import { type ConnectionOptions, checkServerIdentity, rootCertificates } from 'node:tls';
import { DbragError } from '../../core/errors.ts';
import { isInside, type NetworkRules } from '../../databases/addresses.ts';
import type { Target } from '../../databases/query-database.message.ts';

export interface TlsSettings {
  readonly rules: NetworkRules;
  /** Authorities beside Node's own, as PEM. */
  readonly authorities: () => string;
}

const isName = (host: string): boolean => /[a-z]/i.test(host) && !host.includes(':');

/** How a connection to a checked address is encrypted; false where it need not be. @throws tls_failed where it must be and is not to be */
export function tlsOptions(
  { ssl, host, ca_certificate: own }: Target,
  address: string,
  { rules, authorities }: TlsSettings,
): false | ConnectionOptions {
  if (ssl === 'disable') {
    if (isInside(address, rules)) return false;
    throw new DbragError('tls_failed', 'A database outside the allowed networks must be reached with TLS.');
  }
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ca: own === null ? [...rootCertificates, authorities()] : [own],
    ...(ssl === 'verify-full' && isName(host) ? { servername: host } : {}),
    // Of the name that was given: the connection goes to an address.
    checkServerIdentity: (_, certificate) => (ssl === 'verify-ca' ? undefined : checkServerIdentity(host, certificate)),
  };
}
