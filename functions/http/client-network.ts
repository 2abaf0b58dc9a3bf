const mapped = /^(?:0{1,4}:){5}ffff:/;

/**
 * Whose refusals are counted together: an IPv4 address, however it is written, or the /64 of an IPv6 address, since a client with one of its
 * addresses controls all of them.
 */
export function clientNetwork(ip: string): string {
  if (!ip.includes(':')) return ip;
  const groups = groupsOf(ip.toLowerCase());
  if (mapped.test(`${groups.join(':')}:`)) {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  return groups.slice(0, 4).join(':');
}

/** Eight groups without leading zeros. */
function groupsOf(ip: string): string[] {
  const [head = '', tail] = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, dottedAsGroups).split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  const missing = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(missing).fill('0'), ...last].map((group) => group.replace(/^0+(?=.)/, ''));
}

function dottedAsGroups(_: string, ...bytes: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
