import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Where customers' databases may stand. Comes from the stage's settings; the security group of the function opens exactly the same. */
export interface NetworkRules {
  /** IPv4 networks in CIDR notation that may be reached although they are not public, on every port. */
  readonly allowedNetworks: readonly string[];
  /** Ports on which public hosts may be reached. */
  readonly publicPorts: readonly number[];
  /** Whether this machine itself may be reached: on one machine only. */
  readonly loopback: boolean;
}

/** Reached under no settings: this host's own, link-local (the metadata services stand there), multicast, reserved. */
const neverReached = networks(['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4']);
const loopback = networks(['127.0.0.0/8']);
/** Not public, by the registry of special-purpose addresses (RFC 6890): reached where the stage says so. */
const notPublic = networks([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
]);
/** Global unicast ranges that do not lead to an ordinary host: protocol assignments, documentation, and embedded IPv4. */
const disguised = networks6(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
const globalUnicast = networks6(['2000::/3']);

/**
 * Why an address may not be connected to: the end of a sentence that begins with "The host". Undefined where it may.
 * @param address an IP address, as a resolver gives it
 */
export function refusalOf(address: string, port: number, rules: NetworkRules): string | undefined {
  if (isIPv4(address)) return refusalOfIPv4(address, port, rules);
  if (!isIPv6(address)) return 'has no address that could be checked.';
  if (address.includes('%')) return 'has an address of one network only.';
  const mapped = unmapped(address);
  if (mapped !== undefined) return refusalOfIPv4(mapped, port, rules);
  if (isSame(address, '::1')) return refusalOfLoopback(rules);
  if (!globalUnicast.check(address, 'ipv6') || disguised.check(address, 'ipv6'))
    return 'has an IPv6 address that is not public.';
  return refusalOfPort(port, rules);
}

function refusalOfIPv4(address: string, port: number, rules: NetworkRules): string | undefined {
  if (loopback.check(address)) return refusalOfLoopback(rules);
  if (neverReached.check(address)) return 'has an address that no database stands at.';
  if (networks(rules.allowedNetworks).check(address)) return undefined;
  if (notPublic.check(address))
    return 'has a private address outside of the networks that this deployment allows (connections.allowedNetworks).';
  return refusalOfPort(port, rules);
}

const refusalOfLoopback = (rules: NetworkRules): string | undefined =>
  rules.loopback ? undefined : 'has a loopback address, which is this service itself.';

function refusalOfPort(port: number, { publicPorts }: NetworkRules): string | undefined {
  if (publicPorts.includes(port)) return undefined;
  return `is public, and public hosts are connected to on ${publicPorts.length === 1 ? 'port' : 'the ports'} ${publicPorts.join(', ')} only (connections.publicPorts).`;
}

/** Whether an address is this machine's or a private one that the stage allows: where a connection without TLS stays inside. */
export function isInside(address: string, rules: NetworkRules): boolean {
  const plain = isIPv4(address) ? address : unmapped(address);
  if (plain === undefined) return rules.loopback && isIPv6(address) && isSame(address, '::1');
  return (rules.loopback && loopback.check(plain)) || networks(rules.allowedNetworks).check(plain);
}

/** The IPv4 address inside `::ffff:a.b.c.d`, however that is written. */
function unmapped(address: string): string | undefined {
  const groups = groupsOf(address);
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

const isSame = (one: string, other: string): boolean => groupsOf(one).join() === groupsOf(other).join();

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : address;
  const [head = '', tail] = text.split('::');
  const numbers = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const first = numbers(head);
  if (tail === undefined) return first;
  const last = numbers(tail);
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function networks(list: readonly string[]): { check(address: string): boolean } {
  const block = new BlockList();
  for (const network of list) {
    const [base = '', length = '32'] = network.split('/');
    block.addSubnet(base, Number(length), 'ipv4');
  }
  return block;
}

function networks6(list: readonly string[]): BlockList {
  const block = new BlockList();
  for (const network of list) {
    const [base = '', length = '128'] = network.split('/');
    block.addSubnet(base, Number(length), 'ipv6');
  }
  return block;
}
