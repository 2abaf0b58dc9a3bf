import { expect, test } from 'vitest';
import { readStartup } from '../../../infra/local/postgres/startup-packet.ts';

const packet = (parameters: Record<string, string>, version = 3 << 16) => {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(version, 4);
  return { type: 0, bytes: Buffer.concat([head, body]) };
};

test('user, database and settings, the options among them', () => {
  const options = String.raw`-c search_path=a,b -cwork_mem=1MB --enable-seqscan=off -c application_name=two\ words`;
  expect(readStartup(packet({ user: 'me', database: 'mine', TimeZone: 'UTC', options }))).toEqual({
    kind: 'login',
    user: 'me',
    database: 'mine',
    settings: new Map([
      ['search_path', 'a,b'],
      ['work_mem', '1MB'],
      ['enable_seqscan', 'off'],
      ['application_name', 'two words'],
      ['timezone', 'UTC'],
    ]),
    idleInTransactionTimeout: undefined,
    negotiate: undefined,
  });
});

test('the database is the user’s name when it is left out', () => {
  expect(readStartup(packet({ user: 'me' }))).toMatchObject({ database: 'me' });
});

test.each([
  ['250', 250],
  ['2s', 2000],
  ['1 min', 60_000],
  ['0', undefined],
])('an idle bound of %s is kept from the backend', (value, milliseconds) => {
  const login = readStartup(
    packet({ user: 'me', idle_in_transaction_session_timeout: value, transaction_timeout: '1s' }),
  );
  expect(login).toMatchObject({ idleInTransactionTimeout: milliseconds, settings: new Map() });
});

test('a newer minor version and protocol options are negotiated down', () => {
  expect(readStartup(packet({ user: 'me', '_pq_.some_option': '1' }, (3 << 16) | 2))).toMatchObject({
    negotiate: ['_pq_.some_option'],
    settings: new Map(),
  });
});
