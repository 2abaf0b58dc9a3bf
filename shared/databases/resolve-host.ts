import { isIP } from 'node:net';
import { DbragError } from '../core/errors.ts';
import { type NetworkRules, refusalOf } from './addresses.ts';

/** All addresses of a name. @throws an error with the code ENOTFOUND and its kin */
export type Resolve = (host: string) => Promise<readonly string[]>;

const longestName = 253;
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/**
 * Whether a text is a valid host name. One that ends in a number and is no ordinary address is refused, as in the URL standard: resolvers
 * read `2130706433`, `0177.1` and `0x7f.1` as 127.0.0.1.
 */
export function isHostName(text: string): boolean {
  if (isIP(text) !== 0) return !text.includes('%');
  if (text.length > longestName) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every((part) => label.test(part)) && !/^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '');
}

/**
 * The addresses to connect to: literally, so that the name is not asked for again between check and connection. One address that is
 * refused refuses the name: a resolver that alternates would otherwise be asked until it gives the right one.
 * @throws host_not_allowed · connection_refused when the name is not known
 */
export async function resolveHost(
  host: string,
  port: number,
  rules: NetworkRules,
  resolve: Resolve,
): Promise<readonly string[]> {
  if (!isHostName(host)) throw notAllowed('is written in a way that could mean several.');
  const addresses = isIP(host) === 0 ? await lookUp(host, resolve) : [host];
  for (const address of addresses) {
    const refusal = refusalOf(address, port, rules);
    if (refusal !== undefined) throw notAllowed(refusal);
  }
  return addresses;
}

async function lookUp(host: string, resolve: Resolve): Promise<readonly string[]> {
  const addresses = await resolve(host).catch((cause: unknown) => {
    throw new DbragError('connection_refused', 'No host of this name was found.', { cause });
  });
  if (addresses.length === 0) throw new DbragError('connection_refused', 'The host has no address.');
  return addresses;
}

function notAllowed(why: string): DbragError {
  const message = `The host ${why}`;
  return new DbragError('host_not_allowed', message, { errors: [{ pointer: '/host', detail: message }] });
}
