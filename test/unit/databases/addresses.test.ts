import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInside, type NetworkRules, refusalOf } from '../../../shared/databases/addresses.ts';
import { isHostName, resolveHost } from '../../../shared/databases/resolve-host.ts';

const deployed: NetworkRules = { allowedNetworks: ['10.20.0.0/16'], publicPorts: [5432], loopback: false };
const oneMachine: NetworkRules = { allowedNetworks: [], publicPorts: [5432], loopback: true };

const refused = [
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '10.0.0.5',
  '10.21.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '169.254.170.2',
  '198.18.0.1',
  '192.0.2.1',
  '203.0.113.9',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:0:127.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '2002:7f00:1::',
  '2001::1',
  '2001:db8::1',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  'not an address',
];
const allowed = [
  '8.8.8.8',
  '1.1.1.1',
  '52.94.76.1',
  '10.20.0.1',
  '10.20.255.255',
  '2600:1f18::1',
  '2a00:1450:4001::8a',
];

describe('addresses of databases', () => {
  it.each(refused)('%s is refused', (address) => {
    expect(refusalOf(address, 5432, deployed)).toBeTypeOf('string');
    // Neither is it when it stands among others.
    expect(refusalOf(address, 443, deployed)).toBeTypeOf('string');
  });

  it.each(allowed)('%s is allowed', (address) => {
    expect(refusalOf(address, 5432, deployed)).toBeUndefined();
  });

  it('public hosts are reached on the ports of the stage, allowed networks on every port', () => {
    expect(refusalOf('8.8.8.8', 22, deployed)).toContain('port 5432');
    expect(refusalOf('2600:1f18::1', 80, deployed)).toContain('port 5432');
    expect(refusalOf('10.20.0.1', 6432, deployed)).toBeUndefined();
    expect(refusalOf('::ffff:10.20.0.1', 6432, deployed)).toBeUndefined();
  });

  it('loopback is reached on one machine alone, and nothing else with it', () => {
    for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(refusalOf(address, 49_152, oneMachine)).toBeUndefined();
    for (const address of ['169.254.169.254', '10.0.0.1', '192.168.0.1', '0.0.0.0', 'fe80::1'])
      expect(refusalOf(address, 5432, oneMachine)).toBeTypeOf('string');
  });

  it('never reaches what is not public, however it is written as IPv6', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const plain = `${a}.${b}.${c}.${d}`;
        const hex = `::ffff:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const expected = refusalOf(plain, 5432, deployed);
        expect(refusalOf(`::ffff:${plain}`, 5432, deployed)).toBe(expected);
        expect(refusalOf(hex, 5432, deployed)).toBe(expected);
        expect(isInside(plain, deployed)).toBe(a === 10 && b === 20);
      }),
    );
  });
});

describe('names of hosts', () => {
  const resolve = (answers: readonly string[]) => async () => answers;

  it.each([
    '2130706433',
    '0177.0.0.1',
    '0x7f.1',
    '127.1',
    '0x7f000001',
    '010.0.0.1',
    '1.2.3.4.5',
    'db.0x7f',
    '/var/run/postgresql',
    '@abstract',
    'a b',
    'host,other',
    '[::1]',
    'fe80::1%lo',
    '',
    '.',
    'db..example',
    '-db.example',
    'db.example\n',
    'dḃ.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}example`,
  ])('%j is no name of a host', async (host) => {
    expect(isHostName(host)).toBe(false);
    const asked: string[] = [];
    const spy = async (name: string) => [String(asked.push(name))];
    await expect(resolveHost(host, 5432, oneMachine, spy)).rejects.toMatchObject({ code: 'host_not_allowed' });
    expect(asked).toEqual([]);
  });

  it.each([
    'db.example.com',
    'db.example.com.',
    'localhost',
    'my_db-1.internal',
    '8.8.8.8',
    '2600:1f18::1',
    'xn--db-fka.example',
  ])('%s may be one', (host) => expect(isHostName(host)).toBe(true));

  it('one refused address among many refuses the name', async () => {
    const rebinding = resolve(['8.8.8.8', '169.254.169.254']);
    await expect(resolveHost('db.example', 5432, deployed, rebinding)).rejects.toMatchObject({
      code: 'host_not_allowed',
    });
    await expect(resolveHost('db.example', 5432, deployed, resolve(['8.8.8.8', '8.8.4.4']))).resolves.toEqual([
      '8.8.8.8',
      '8.8.4.4',
    ]);
  });

  it('a refusal does not tell the address', async () => {
    const error = await resolveHost('db.example', 5432, deployed, resolve(['10.9.8.7'])).catch((thrown) => thrown);
    expect(error.code).toBe('host_not_allowed');
    expect(JSON.stringify([error.message, error.errors])).not.toContain('10.9');
  });

  it('a name that nobody knows is a host that does not answer', async () => {
    const unknown = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    await expect(resolveHost('nowhere.example', 5432, deployed, unknown)).rejects.toMatchObject({
      code: 'connection_refused',
    });
    await expect(resolveHost('empty.example', 5432, deployed, resolve([]))).rejects.toMatchObject({
      code: 'connection_refused',
    });
  });
});
