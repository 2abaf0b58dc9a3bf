import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresCustomerDatabases } from '../../../shared/adapters/postgres/customer-databases.ts';
import type { NetworkRules } from '../../../shared/databases/addresses.ts';
import { answerRequest } from '../../../shared/databases/answer-request.ts';
import type { Target } from '../../../shared/databases/query-database.message.ts';
import type { StatementResult } from '../../../shared/databases/run-statement.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  type Roguery,
  type RogueServer,
  rogueCertificate,
  startRogueServer,
} from '../../support/rogue-postgres/server.ts';
import type { StatementRoguery } from '../../support/rogue-postgres/statement-answers.ts';

const rules: NetworkRules = { allowedNetworks: [], publicPorts: [5432], loopback: true };
const password = 'reader-password';

/** Everything that can be wrong with a customer's database, on a real server where one can be brought to it. */
describe('customers’ databases', () => {
  let database: TestDatabase;
  let target: Target;
  const rogues: RogueServer[] = [];
  const resolved: string[] = [];
  const opened: PostgresCustomerDatabases[] = [];

  beforeAll(async () => {
    // Roles belong to a whole server, so it is one of its own.
    database = await createTestDatabase({ empty: true, embedded: true });
    const { hostname, port, pathname } = new URL(database.adminUrl);
    target = {
      workspace_id: '01990000-0000-7000-8000-000000000001',
      connection_id: '01990000-0000-7000-8000-000000000002',
      host: hostname,
      port: Number(port),
      database: pathname.slice(1),
      user: 'reader',
      authentication: 'password',
      ssl: 'disable',
      ca_certificate: null,
      secret_arn: 'arn',
    };
    await database.admin.query(`
      CREATE SCHEMA sales; CREATE TABLE sales.orders (id int PRIMARY KEY, total numeric);
      CREATE SCHEMA "odd ""one"; CREATE TABLE "odd ""one"."; DROP" (a int);
      CREATE ROLE reader LOGIN PASSWORD '${password}';
      GRANT USAGE ON SCHEMA sales TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA sales TO reader;`);
  }, 60_000);
  afterAll(async () => {
    for (const databases of opened) await databases.close();
    for (const rogue of rogues) await rogue.close();
    await database?.close();
  });

  function databases(secret: string | (() => string) = password, network = rules): PostgresCustomerDatabases {
    const made = new PostgresCustomerDatabases({
      rules: network,
      resolve: async (host) => {
        resolved.push(host);
        return host === 'db.example' ? ['127.0.0.1'] : ['127.0.0.1', '169.254.169.254'];
      },
      password: async () => (typeof secret === 'string' ? secret : secret()),
      authorities: () => rogueCertificate(),
    });
    opened.push(made);
    return made;
  }
  const examine = (where: Partial<Target> = {}, using = databases(), milliseconds = 20_000) =>
    answerRequest(using, {
      v: 1,
      kind: 'examine',
      target: { ...target, ...where },
      deadline: Date.now() + milliseconds,
      schemas: null,
    });
  async function rogue(roguery: Roguery): Promise<RogueServer> {
    const server = await startRogueServer(roguery);
    rogues.push(server);
    return server;
  }
  const codeOf = async (reply: ReturnType<typeof examine>) => {
    const answer = await reply;
    return answer.ok ? 'ok' : answer.error.code;
  };

  it('a role that can only read is accepted, by name as by address', async () => {
    expect(await examine()).toMatchObject({ ok: true, result: { user: 'reader', schemas: ['sales'], tables: 1 } });
    expect(await examine({ host: 'db.example' })).toMatchObject({ ok: true });
  });

  it.each([
    ['a superuser', 'mighty_super', 'SUPERUSER', '', 'SUPERUSER'],
    ['one that row security does not bind', 'mighty_bypass', 'BYPASSRLS', '', 'BYPASSRLS'],
    ['one that makes roles', 'mighty_maker', 'CREATEROLE', '', 'CREATEROLE'],
    ['one that replicates', 'mighty_replica', 'REPLICATION', '', 'REPLICATION'],
    ['a writer of one table', 'mighty_writer', '', 'GRANT INSERT ON sales.orders TO mighty_writer', 'sales.orders'],
    [
      'a writer of one column',
      'mighty_column',
      '',
      'GRANT UPDATE (total) ON sales.orders TO mighty_column',
      'sales.orders',
    ],
    ['who may truncate', 'mighty_emptier', '', 'GRANT TRUNCATE ON sales.orders TO mighty_emptier', 'sales.orders'],
    [
      'an owner',
      'mighty_owner',
      '',
      'CREATE TABLE owned (a int); ALTER TABLE owned OWNER TO mighty_owner',
      'public.owned',
    ],
    [
      'a writer by membership',
      'mighty_member',
      '',
      'CREATE ROLE writers; GRANT DELETE ON sales.orders TO writers; GRANT writers TO mighty_member',
      'sales.orders',
    ],
    [
      'a member that must ask for it',
      'mighty_noinherit',
      'NOINHERIT',
      'CREATE ROLE boss SUPERUSER; GRANT boss TO mighty_noinherit',
      'SUPERUSER',
    ],
    ['a writer of everything', 'mighty_all', '', 'GRANT pg_write_all_data TO mighty_all', 'pg_write_all_data'],
    ['a reader of files', 'mighty_files', '', 'GRANT pg_read_server_files TO mighty_files', 'pg_read_server_files'],
    [
      'a starter of programs',
      'mighty_programs',
      '',
      'GRANT pg_execute_server_program TO mighty_programs',
      'pg_execute_server_program',
    ],
    [
      'one with a function that reads files',
      'mighty_function',
      '',
      'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO mighty_function',
      'pg_read_file',
    ],
  ])('%s is refused, and told why', async (_, user, attributes, grants, reason) => {
    await database.admin.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}' ${attributes}; ${grants}`);
    const reply = await examine({ user });
    expect(reply).toMatchObject({ ok: false, error: { code: 'role_too_powerful' } });
    expect(JSON.stringify(reply.ok || reply.error.errors)).toContain(reason);
  });

  it('the statements in the refusal make a role that is accepted', async () => {
    await database.admin.query('CREATE TABLE sales.open_to_all (a int); GRANT INSERT ON sales.open_to_all TO PUBLIC');
    expect(await codeOf(examine())).toBe('role_too_powerful');
    const reply = await examine({ user: 'mighty_super' });
    const script = (reply.ok ? '' : reply.error.message).split('\n').slice(1).join('\n');
    expect(script).toContain('"odd ""one"');
    await database.admin.query(script.replace('choose a long one', password));
    expect(await examine({ user: 'dbrag_reader' })).toMatchObject({ ok: true, result: { tables: 4 } });
    expect(await codeOf(examine())).toBe('ok');
  });

  it('says auth_failed for a wrong password, and asks for a fresh one once', async () => {
    expect(await codeOf(examine({}, databases('wrong')))).toBe('auth_failed');
    const secrets = ['stale', password];
    expect(
      await codeOf(
        examine(
          {},
          databases(() => secrets.shift() ?? 'none left'),
        ),
      ),
    ).toBe('ok');
  });

  it.each([
    ['connection_refused', { kind: 'hangs up' }],
    ['connection_refused', { kind: 'talks HTTP' }],
    ['connection_refused', { kind: 'error', state: '57P03', message: 'the database system is starting up' }],
    ['too_many_connections', { kind: 'error', state: '53300', message: 'sorry, too many clients already' }],
    ['database_missing', { kind: 'error', state: '3D000', message: 'database "x" does not exist' }],
    ['auth_failed', { kind: 'error', state: '28P01', message: 'password authentication failed for user "x"' }],
    ['tls_failed', { kind: 'error', state: '28000', message: 'no pg_hba.conf entry for host "x", no encryption' }],
  ] as const)('says %s when %o', async (code, roguery) => {
    const { port } = await rogue(roguery);
    const reply = await examine({ port });
    expect(reply).toMatchObject({ ok: false, error: { code } });
    // Nothing of what the server wrote is passed on.
    expect(JSON.stringify(reply)).not.toMatch(/sorry|"x|pg_hba/);
  });

  it('is not drowned by an answer without an end, and passes on nothing of an error that it does not know', async () => {
    expect(await codeOf(examine({ port: (await rogue({ kind: 'floods' })).port }))).toBe('payload_too_large');
    const { port } = await rogue({ kind: 'lets in', state: 'XX000' });
    const reply = await examine({ port });
    expect(reply).toMatchObject({ ok: false, error: { code: 'connection_refused' } });
    expect(JSON.stringify(reply)).toContain('XX000');
    expect(JSON.stringify(reply)).not.toContain('secret of theirs');
  });

  it('says connection_refused where nobody listens, and timeout where somebody listens and is silent', async () => {
    const gone = await startRogueServer({ kind: 'silent' });
    await gone.close();
    expect(await codeOf(examine({ port: gone.port }))).toBe('connection_refused');
    const silent = await rogue({ kind: 'silent' });
    expect(await codeOf(examine({ port: silent.port }, databases(), 600))).toBe('timeout');
    expect(await codeOf(examine({}, databases(), 100))).toBe('timeout');
  });

  it('verifies TLS: the authority, the name and the time', async () => {
    const tooMany: Roguery = { kind: 'error', state: '53300', message: 'sorry' };
    const good = await rogue({ kind: 'TLS', certificate: 'certificate', behind: tooMany });
    const expired = await rogue({ kind: 'TLS', certificate: 'expired', behind: tooMany });
    const own = rogueCertificate();
    // No TLS at all, and none is taken for it.
    expect(await codeOf(examine({ ssl: 'verify-full' }))).toBe('tls_failed');
    const say = (where: Partial<Target>) => codeOf(examine({ host: 'db.example', ...where }));
    expect(await say({ port: good.port, ssl: 'verify-full' })).toBe('too_many_connections');
    expect(await say({ port: good.port, ssl: 'verify-full', ca_certificate: own })).toBe('too_many_connections');
    expect(await say({ port: good.port, ssl: 'verify-full', host: '127.0.0.1' })).toBe('tls_failed');
    expect(await say({ port: good.port, ssl: 'verify-ca', host: '127.0.0.1' })).toBe('too_many_connections');
    expect(await say({ port: expired.port, ssl: 'verify-ca' })).toBe('tls_failed');
    expect(await say({ port: good.port, ssl: 'verify-ca', ca_certificate: '-----BEGIN NOTHING' })).toBe('tls_failed');
  });

  it('sends no password to a server that is not verified, nor in the clear beyond the allowed networks', async () => {
    const listening = await rogue({ kind: 'TLS', certificate: 'expired', behind: { kind: 'asks for the password' } });
    expect(await codeOf(examine({ port: listening.port, ssl: 'verify-full', host: 'db.example' }))).toBe('tls_failed');
    expect(listening.heard).toEqual([]);
    const closed = databases(password, { allowedNetworks: [], publicPorts: [5432], loopback: false });
    expect(await codeOf(examine({ ssl: 'disable' }, closed))).toBe('host_not_allowed');
  });

  describe('a server that is hostile to a statement', () => {
    const rows = 1_000;
    const run = async (answer: StatementRoguery, milliseconds = 8_000) => {
      const server = await rogue({ kind: 'runs statements', answer });
      const before = process.memoryUsage.rss();
      const began = performance.now();
      const reply = await answerRequest(databases(), {
        v: 1,
        kind: 'run_statement',
        target: { ...target, port: server.port },
        deadline: Date.now() + milliseconds,
        statement: 'SELECT 1',
        tables: [],
        schemas: ['sales'],
        types: [],
        limits: { rows, bytes: 4 * 1024 * 1024, cost: 1e6, milliseconds: 1_000 },
      });
      const grown = process.memoryUsage.rss() - before;
      return { reply, took: performance.now() - began, megabytes: grown / 2 ** 20 };
    };

    it.each([
      ['a value of a gigabyte', 'sql_rejected'],
      ['a broken connection', 'connection_refused'],
      ['no plan', 'connection_refused'],
      ['a message cut short', 'connection_refused'],
      ['an error of its own', 'connection_refused'],
      ['more cells than columns', 'connection_refused'],
    ] as const)('%s is %s, within the memory that an answer may take', async (answer, code) => {
      const { reply, took, megabytes } = await run(answer);
      expect(reply).toMatchObject({ ok: false, error: { code } });
      expect(JSON.stringify(reply)).not.toContain('secret of theirs');
      expect(took).toBeLessThan(5_000);
      expect(megabytes).toBeLessThan(100);
    });

    it.each([
      ['no answer', 'sql_timeout'],
      ['no answer to BEGIN', 'timeout'],
    ] as const)('%s is %s at the deadline of the caller', async (answer, code) => {
      const { reply, took } = await run(answer, 1_500);
      expect(reply).toMatchObject({ ok: false, error: { code } });
      expect(took).toBeLessThan(3_000);
    });

    it('rows without end are cut at the size of an answer', async () => {
      const { reply, took, megabytes } = await run('rows without end');
      expect(reply).toMatchObject({ ok: true, result: { truncated: true } });
      expect((reply as unknown as { result: StatementResult }).result.rows).toHaveLength(rows);
      expect(took).toBeLessThan(5_000);
      expect(megabytes).toBeLessThan(150);
    });

    it('what is no UTF-8 or of another type is an answer that JSON can hold', async () => {
      const cells = async (answer: StatementRoguery) => {
        const { reply } = await run(answer);
        expect(reply, answer).toMatchObject({ ok: true });
        const { result } = JSON.parse(JSON.stringify(reply)) as { result: StatementResult };
        return result.rows;
      };
      expect((await cells('no UTF-8'))[0]?.[0]).toMatch(/^a\ufffd+$/);
      expect((await cells('values of other types'))[0]).toHaveLength(9);
    });
  });

  it('never touches an address that is refused, not even beside one that is not', async () => {
    const canary = await rogue({ kind: 'silent' });
    const strict = databases(password, { ...rules, loopback: false });
    for (const host of [
      '127.0.0.1',
      'rebinding.example',
      '2130706433',
      '0x7f.1',
      '::ffff:127.0.0.1',
      '::1',
      'localhost',
    ])
      expect(await codeOf(examine({ host, port: canary.port }, strict)), host).toBe('host_not_allowed');
    expect(await codeOf(examine({ host: 'rebinding.example', port: canary.port }))).toBe('host_not_allowed');
    expect(canary.connections).toBe(0);
  });

  it('asks for the addresses again at every new connection, and keeps one connection for the same target', async () => {
    const using = databases();
    const before = resolved.length;
    await examine({ host: 'db.example' }, using);
    await examine({ host: 'db.example' }, using);
    expect(resolved.length - before).toBe(1);
    await examine({ host: 'db.example', user: 'mighty_super' }, using);
    await examine({ host: 'db.example' }, using);
    expect(resolved.length - before).toBe(3);
  });
});
