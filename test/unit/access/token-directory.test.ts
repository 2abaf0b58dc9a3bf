import { createHmac } from 'node:crypto';
import { exportSPKI, type JWTPayload } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTokenDirectory } from '../../../shared/access/token-directory.ts';
import { longestToken } from '../../../shared/access/token-form.ts';
import { readIssuerDocument } from '../../../shared/adapters/oidc/read-issuer-document.ts';
import type { Database, Db } from '../../../shared/core/database.ts';
import type { IdentityProvider } from '../../../shared/core/identity-provider.ts';
import { publicId } from '../../../shared/core/ids.ts';
import { TestIdentityProvider } from '../../support/identity-provider.ts';

const workspace = '0198c3d2-a1b4-7c5e-8f90-000000000001';
const second = '0198c3d2-a1b4-7c5e-8f90-000000000002';
const subjectId = '0198c3d2-a1b4-7c5e-8f90-00000000000a';

interface Member {
  workspace_id: string;
  role: string;
  collection_ids: string[] | null;
  connection_ids: string[] | null;
}

let provider: TestIdentityProvider;
let now: number;
let members: Map<string, Member[]>;
let lookUps: number;

/** Answers what the directory asks of the database. */
const db: Db = {
  async query<R>(text: string, values: readonly unknown[] = []) {
    if (text.includes('find_memberships')) {
      lookUps++;
      const rows = members.get(`${values[0]} ${values[1]}`) ?? [];
      return { rows: rows as R[], count: rows.length };
    }
    if (text.includes('dbrag.workspaces')) {
      const count = [workspace, second].includes(values[0] as string) ? 1 : 0;
      return { rows: [], count };
    }
    expect(text).toContain('dbrag.subjects');
    return { rows: [{ id: subjectId }] as R[], count: 1 };
  },
};
const database: Database = { inWorkspace: (_, work) => work(db), inSystem: (work) => work(db) };

const directory = (settings: Partial<IdentityProvider> = {}) =>
  createTokenDirectory([{ issuer: provider.issuer, audience: provider.audience, ...settings }], {
    database,
    clock: { now: () => new Date(now) },
    read: readIssuerDocument,
  });
const seconds = () => Math.floor(now / 1_000);
/** A token by the clock of the test. */
const token = (claims: JWTPayload = {}, header = {}) =>
  provider.token({ iat: seconds(), exp: seconds() + 600, ...claims }, header);
const join = (subject: string, ...workspaces: (Partial<Member> & { workspace_id: string })[]) =>
  members.set(
    `${provider.issuer} ${subject}`,
    workspaces.map((one) => ({ role: 'editor', collection_ids: null, connection_ids: null, ...one })),
  );
const code = (outcome: Promise<unknown>) =>
  outcome.then(
    () => 'let in',
    (error: { code?: string }) => error.code,
  );

beforeAll(async () => {
  provider = await TestIdentityProvider.start();
});
afterAll(() => provider?.close());
beforeEach(() => {
  provider.mood = 'well';
  provider.reads.length = 0;
  now = Date.UTC(2026, 10, 1);
  members = new Map();
  lookUps = 0;
  join('person', { workspace_id: workspace });
});

describe('a token', () => {
  it('lets a member in, and says who it is and what they may', async () => {
    join('person', { workspace_id: workspace, role: 'admin', collection_ids: ['c'], connection_ids: [] });
    expect(await directory().find(await token(), null)).toEqual({
      workspaceId: workspace,
      role: 'admin',
      actor: publicId('subject', subjectId),
      apiKeyId: null,
      subject: { id: subjectId, name: 'person' },
      collectionIds: ['c'],
      connectionIds: [],
      rateLimits: null,
    });
  });

  it('is refused unless everything in it holds', async () => {
    const tokens = directory();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = part({ iss: provider.issuer, aud: 'dbrag', sub: 'person', exp: seconds() + 600 });
    // Signed with what everybody may know: the public key, taken for a shared secret.
    const forged = `${part({ alg: 'HS256', kid: provider.kid, typ: 'JWT' })}.${body}`;
    const mac = createHmac('sha256', await exportSPKI(provider.publicKey))
      .update(forged)
      .digest('base64url');
    const stranger = await TestIdentityProvider.start();
    const good = await token();
    const bad: Record<string, string> = {
      'alg none': `${part({ alg: 'none' })}.${body}.`,
      'alg NONE': `${part({ alg: 'nOnE', kid: provider.kid })}.${body}.`,
      'HS256 by the public key': `${forged}.${mac}`,
      'no signature': `${good.slice(0, good.lastIndexOf('.'))}.`,
      'another body': good.replace(
        /\.[^.]+\./,
        `.${part({ iss: provider.issuer, aud: 'dbrag', sub: 'owner', exp: seconds() + 600 })}.`,
      ),
      'another signature': `${good.slice(0, -8)}AAAAAAAA`,
      'an unknown kid': await token({}, { kid: 'key-99' }),
      'an unknown issuer': await stranger.token({ exp: seconds() + 600 }),
      'the issuer, signed by another': await stranger.token({ iss: provider.issuer, exp: seconds() + 600 }),
      'an issuer that only begins alike': await token({ iss: `${provider.issuer}/` }),
      'no issuer': await token({ iss: undefined as never }),
      'another audience': await token({ aud: 'somebody else' }),
      'no audience': await token({ aud: undefined as never }),
      'no subject': await token({ sub: undefined as never }),
      'an empty subject': await token({ sub: '' }),
      'a number for a subject': await token({ sub: 5 as never }),
      'a subject that is too long': await token({ sub: 'x'.repeat(256) }),
      'U+0000 in the subject': await token({ sub: 'a\0b' }),
      'expired by a second': await token({ exp: seconds() - 1 }),
      'expires now': await token({ exp: seconds() }),
      'no expiry': await token({ exp: undefined as never }),
      'a word for an expiry': await token({ exp: 'never' as never }),
      'not valid before the next second': await token({ nbf: seconds() + 1 }),
      'critical and not understood': await token({}, { crit: ['urn:x'], 'urn:x': true }).catch(
        () => `${part({ alg: 'RS256', kid: provider.kid, crit: ['urn:x'], 'urn:x': 1 })}.${body}.AAAA`,
      ),
      'a key of its own': await token({}, { kid: 'mine', jku: `${stranger.issuer}/keys`, x5u: 'https://example.com' }),
      'a token for a logout': await token({}, { typ: 'logout+jwt' }),
      'an empty body': `${part({ alg: 'RS256', kid: provider.kid })}..AAAA`,
      'a list for a body': `${part({ alg: 'RS256', kid: provider.kid })}.${part([1])}.AAAA`,
      rubbish: 'eyJ.eyJ.eyJ',
      'a header that is no JSON': `eyJhbGciOi.${body}.AAAA`,
      'more than a token may have': `${good}${'A'.repeat(longestToken)}`,
      'a megabyte': `eyJ${'a'.repeat(1_000_000)}.a.a`,
    };
    for (const [what, wrong] of Object.entries(bad))
      expect([what, await code(tokens.find(wrong, null))]).toEqual([what, 'unauthorized']);
    expect(await code(tokens.find(good, null))).toBe('let in');
    expect(stranger.reads).toEqual([]);
    await stranger.close();
  });

  it('holds to the second, also while it is remembered', async () => {
    const tokens = directory();
    const short = await token({ exp: seconds() + 10, nbf: seconds() });
    for (const [later, expected] of [
      [0, 'let in'],
      [9_999, 'let in'],
      [10_000, 'unauthorized'],
    ] as const) {
      now = Date.UTC(2026, 10, 1) + later;
      expect(await code(tokens.find(short, null))).toBe(expected);
    }
  });

  it('may name several audiences, and be an access token', async () => {
    expect(await code(directory().find(await token({ aud: ['a', 'dbrag'] }, { typ: 'at+jwt' }), null))).toBe('let in');
    expect(await code(directory({ algorithms: ['ES256'] }).find(await token(), null))).toBe('unauthorized');
  });
});

describe('a second factor', () => {
  it.each([
    [{}, 'mfa_required'],
    [{ amr: ['pwd'] }, 'mfa_required'],
    [{ amr: ['pwd', 'otp'] }, 'mfa_required'],
    [{ amr: 'mfa' }, 'mfa_required'],
    [{ acr: '1' }, 'mfa_required'],
    [{ amr: ['pwd', 'mfa'] }, 'let in'],
    [{ acr: 'phr' }, 'let in'],
  ])('%j: %s', async (claims, expected) => {
    expect(await code(directory({ requireMfa: true }).find(await token(claims), null))).toBe(expected);
  });

  it('is what the stage takes for one', async () => {
    const tokens = directory({ requireMfa: true, strongContexts: ['gold'] });
    expect(await code(tokens.find(await token({ acr: 'gold' }), null))).toBe('let in');
    expect(await code(tokens.find(await token({ acr: 'phr' }), null))).toBe('mfa_required');
  });
});

describe('where somebody belongs', () => {
  it('is asked once in half a minute, nowhere included, and changes within it', async () => {
    const tokens = directory();
    const [known, stranger] = [await token(), await token({ sub: 'stranger' })];
    for (let i = 0; i < 20; i++) {
      expect((await tokens.find(known, null)).role).toBe('editor');
      expect(await code(tokens.find(stranger, null))).toBe('forbidden');
    }
    expect(lookUps).toBe(2);
    join('person', { workspace_id: workspace, role: 'reader' });
    join('stranger', { workspace_id: second });
    now += 30_000;
    expect((await tokens.find(known, null)).role).toBe('reader');
    expect(await code(tokens.find(stranger, null))).toBe('let in');
    members.clear();
    now += 30_000;
    // Another token of the same person is no way around.
    expect(await code(tokens.find(await token({ jti: 'new' }), null))).toBe('forbidden');
  });

  it('is theirs to choose, and nobody else’s workspace is there', async () => {
    join('person', { workspace_id: workspace }, { workspace_id: second, role: 'owner' });
    const tokens = directory();
    const known = await token();
    expect((await tokens.find(known, publicId('workspace', second))).role).toBe('owner');
    expect((await tokens.find(known, publicId('workspace', workspace))).role).toBe('editor');
    expect(await code(tokens.find(known, null))).toBe('validation_failed');
    for (const other of [`ws_${'0'.repeat(32)}`, 'ws_', '', second])
      expect(await code(tokens.find(known, other))).toBe('not_found');
  });

  it('is never what another issuer says of the same subject', async () => {
    const other = await TestIdentityProvider.start();
    const tokens = createTokenDirectory(
      [provider, other].map(({ issuer, audience }) => ({ issuer, audience })),
      { database, clock: { now: () => new Date(now) }, read: readIssuerDocument },
    );
    expect(await code(tokens.find(await token(), null))).toBe('let in');
    expect(await code(tokens.find(await other.token({ exp: seconds() + 60 }), null))).toBe('forbidden');
    await other.close();
  });
});

describe('claims', () => {
  const claims = { workspace: 'ws', role: 'roles', collections: 'collections', connections: 'connections' };
  const collection = '0198c3d2-a1b4-7c5e-8f90-0000000000c1';

  it('of an issuer that can mint them say what members say elsewhere', async () => {
    const tokens = directory({ claims });
    const minted = await token({
      ws: publicId('workspace', second),
      roles: ['everyone', 'reader', 'admin'],
      collections: [publicId('collection', collection), 'nonsense'],
    });
    expect(await tokens.find(minted, null)).toMatchObject({
      workspaceId: second,
      role: 'admin',
      collectionIds: [collection],
      connectionIds: null,
    });
    // A token without them is a member's.
    expect((await tokens.find(await token(), null)).workspaceId).toBe(workspace);
  });

  it.each([
    ['no role', { ws: publicId('workspace', workspace) }],
    ['a role that there is not', { ws: publicId('workspace', workspace), roles: ['operator', 'Owner'] }],
    ['no workspace of ours', { ws: `ws_${'0'.repeat(32)}`, roles: 'owner' }],
    ['no id', { ws: workspace, roles: 'owner' }],
    ['nothing', { ws: [], roles: 'owner' }],
    ['something else', { ws: { id: publicId('workspace', workspace) }, roles: 'owner' }],
    ['too many', { ws: Array.from({ length: 101 }, () => publicId('workspace', workspace)), roles: 'owner' }],
  ])('with %s give nothing', async (_, minted) => {
    expect(await code(directory({ claims }).find(await token(minted), null))).toBe('forbidden');
  });

  it('of an issuer that is not trusted with them mean nothing', async () => {
    const minted = await token({ ws: publicId('workspace', second), roles: 'owner' });
    expect(await directory().find(minted, null)).toMatchObject({ workspaceId: workspace, role: 'editor' });
  });

  it('narrow to nothing where they cannot be read', async () => {
    const minted = await token({ ws: publicId('workspace', second), roles: 'owner', connections: 'all' });
    expect((await directory({ claims }).find(minted, null)).connectionIds).toEqual([]);
  });
});

describe('the keys of an issuer', () => {
  it('are read once, whoever asks how often', async () => {
    const tokens = directory();
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => token({ jti: String(i) })));
    await Promise.all(many.map((one) => tokens.find(one, null)));
    expect(provider.reads).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are read again for one that is new, and not again and again for one that is not there', async () => {
    const tokens = directory();
    await tokens.find(await token(), null);
    provider.reads.length = 0;
    for (let i = 0; i < 50; i++)
      await code(tokens.find(await token({ jti: String(i) }, { kid: `made-up-${i}` }), null));
    expect(provider.reads).toEqual([]);
    now += 30_000;
    await provider.rotate();
    expect(await code(tokens.find(await token(), null))).toBe('let in');
    expect(provider.reads).toHaveLength(2);
    for (let i = 0; i < 50; i++) await code(tokens.find(await token({ jti: `x${i}` }, { kid: `made-up-${i}` }), null));
    expect(provider.reads).toHaveLength(2);
  });

  it('that the issuer takes back hold no longer than ten minutes', async () => {
    const tokens = directory();
    const old = await token({ exp: seconds() + 3_600 });
    await tokens.find(old, null);
    await provider.rotate(false);
    now += 10 * 60_000;
    expect(await code(tokens.find(old, null))).toBe('unauthorized');
  });

  it.each(['down', 'broken', 'hangs'] as const)('serve on while it is %s, for a day', async (mood) => {
    const tokens = directory();
    await tokens.find(await token(), null);
    provider.mood = mood;
    provider.reads.length = 0;
    now += 60 * 60_000;
    for (let i = 0; i < 30; i++) expect(await code(tokens.find(await token({ jti: String(i) }), null))).toBe('let in');
    expect(provider.reads).toHaveLength(1);
    now += 24 * 60 * 60_000;
    expect(await code(tokens.find(await token(), null))).toBe('overloaded');
    provider.mood = 'well';
    now += 5_000;
    expect(await code(tokens.find(await token(), null))).toBe('let in');
  });

  it('that were never there cost one look in five seconds', async () => {
    provider.mood = 'down';
    const tokens = directory();
    for (let i = 0; i < 30; i++)
      expect(await code(tokens.find(await token({ jti: String(i) }), null))).toBe('overloaded');
    expect(provider.reads).toHaveLength(1);
  });

  it('may stand where the stage says, and are none of another issuer’s', async () => {
    const tokens = directory({ keysUrl: `${provider.issuer}/keys` });
    expect(await code(tokens.find(await token(), null))).toBe('let in');
    expect(provider.reads).toEqual(['/keys']);
    const issuer = provider.issuer.replace('127.0.0.1', 'localhost');
    const misled = createTokenDirectory([{ issuer, audience: 'dbrag' }], {
      database,
      clock: { now: () => new Date(now) },
      read: readIssuerDocument,
    });
    expect(await code(misled.find(await token({ iss: issuer }), null))).toBe('overloaded');
  });
});
