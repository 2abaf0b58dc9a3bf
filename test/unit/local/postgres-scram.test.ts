import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  createVerifier,
  impossibleVerifier,
  matchesVerifier,
  parseVerifier,
  ScramExchange,
  type ScramVerifier,
} from '../../../infra/local/postgres/scram.ts';

// Made by PostgreSQL 18: CREATE ROLE x LOGIN PASSWORD 'secret'.
const FROM_POSTGRES =
  'SCRAM-SHA-256$4096:yLUqg2pyTjvrbiovu0ARhw==$gRPN2z1umqu2EH5ifC95/71OIQ5rdtVynvdFZUCLWYk=:1KRcSo8Z+q4Et0p6sBbZEhoEgm2LriVBKxfQ7GVEhdI=';

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** The client's half, as RFC 5802 describes it. */
function login(verifier: ScramVerifier, password: string, channelBinding = 'n,,'): string | undefined {
  const exchange = new ScramExchange(verifier);
  const bare = 'n=,r=client-nonce';
  const serverFirst = exchange.first(`n,,${bare}`) as string;
  const [, nonce, salt, iterations] = /^r=(.+),s=(.+),i=(\d+)$/.exec(serverFirst) as unknown as [
    string,
    string,
    string,
    string,
  ];
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const withoutProof = `c=${Buffer.from(channelBinding).toString('base64')},r=${nonce}`;
  const signature = hmac(createHash('sha256').update(clientKey).digest(), `${bare},${serverFirst},${withoutProof}`);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
  return exchange.final(`${withoutProof},p=${proof.toString('base64')}`);
}

test('the password of a verifier that PostgreSQL made is accepted, any other is not', async () => {
  const verifier = parseVerifier(FROM_POSTGRES) as ScramVerifier;
  expect(login(verifier, 'secret')).toMatch(/^v=/);
  expect(login(verifier, 'Secret')).toBeUndefined();
  expect(login(verifier, '')).toBeUndefined();
  expect(await matchesVerifier('secret', FROM_POSTGRES)).toBe(true);
  expect(await matchesVerifier('other', FROM_POSTGRES)).toBe(false);
});

test('a verifier of our own serves as one of PostgreSQL’s', async () => {
  const stored = await createVerifier('pässword');
  expect(stored).toMatch(/^SCRAM-SHA-256\$4096:/);
  expect(login(parseVerifier(stored) as ScramVerifier, 'pässword')).toMatch(/^v=/);
});

test('an exchange with another channel binding, a foreign nonce or no grammar fails', () => {
  const verifier = parseVerifier(FROM_POSTGRES) as ScramVerifier;
  expect(login(verifier, 'secret', 'y,,')).toBeUndefined();
  const exchange = new ScramExchange(verifier);
  expect(exchange.first('p=tls-server-end-point,,n=,r=x')).toBeUndefined();
  expect(exchange.first('nonsense')).toBeUndefined();
  exchange.first('n,,n=,r=x');
  expect(exchange.final('c=biws,r=another,p=AAAA')).toBeUndefined();
  expect(exchange.final('nonsense')).toBeUndefined();
});

test('nothing meets the verifier of an unknown role, and md5 or no password has none', () => {
  expect(login(impossibleVerifier(), 'secret')).toBeUndefined();
  expect(parseVerifier('md5deadbeef')).toBeUndefined();
  expect(parseVerifier(null)).toBeUndefined();
});
