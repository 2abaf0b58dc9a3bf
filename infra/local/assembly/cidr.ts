/**
 * `Fn::Cidr` for IPv4: the first `count` blocks of `2^cidrBits` addresses inside `block`.
 * Throws a RangeError when the block is not IPv4 or does not hold that many.
 */
export function splitCidr(block: string, count: number, cidrBits: number): readonly string[] {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(block);
  if (!match) throw new RangeError(`${block} is not an IPv4 block`);
  const [first, second, third, fourth, prefix] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([first, second, third, fourth].some((octet) => octet > 255) || prefix > 32) {
    throw new RangeError(`${block} is not an IPv4 block`);
  }
  const size = 2 ** cidrBits;
  const available = 2 ** (32 - prefix) / size;
  if (available < count) throw new RangeError(`${block} does not hold ${count} blocks of ${size} addresses`);
  const base = ((first * 256 + second) * 256 + third) * 256 + fourth;
  return Array.from({ length: count }, (_, index) => {
    const address = base + index * size;
    const octets = [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(address / unit) % 256);
    return `${octets.join('.')}/${32 - cidrBits}`;
  });
}
