import { expect, it } from 'vitest';
import { DbragError } from '../../../shared/core/errors.ts';
import { answerRequest } from '../../../shared/databases/answer-request.ts';
import { DatabaseClient } from '../../../shared/databases/ask-database.ts';
import type { CustomerDatabases } from '../../../shared/databases/customer-session.ts';
import type { Ground } from '../../../shared/databases/generation/choose-tables.ts';
import { writeSql } from '../../../shared/databases/generation/write-sql.ts';
import { StatementFault } from '../../../shared/databases/statement-connection.ts';
import { tellFault } from '../../../shared/databases/tell-fault.ts';
import type { ChatModel, ChatRequest } from '../../../shared/models/chat-model.ts';
import { shop } from '../../support/firewall/shop.ts';

const canary = 'ada@example.com';
const cast = new StatementFault('22P02', `invalid input syntax for type integer: "${canary}"`);

it.each([
  ['a value', cast, true, false],
  ['a value, while it is planned', cast, false, false],
  [
    'a name that is looked up in a row',
    new StatementFault('42P01', `relation "${canary}" does not exist`),
    true,
    false,
  ],
  ['a name of the statement', new StatementFault('42703', 'column "nothing" does not exist'), false, true],
  ['a state that is none', new StatementFault(canary, 'x'), false, false],
])('what a database says of %s is told whole to the caller, and without rows to a model', (_, fault, read, same) => {
  const told = tellFault(fault, read);
  expect(told.message).toContain(fault.message);
  expect(told.withoutRows === told.message).toBe(same);
  expect(told.withoutRows).not.toContain(canary);
});

it.each([
  [false, false],
  [true, true],
])(
  'a model that mends a statement reads the value in an error only where rows may be sent: %s',
  async (rows, reads) => {
    const client = new DatabaseClient({
      ask: (request) =>
        answerRequest(
          { withStatement: () => Promise.reject(tellFault(cast, true)) } as unknown as CustomerDatabases,
          request,
        ),
    });
    const asked: ChatRequest[] = [];
    const chat: ChatModel = {
      model: 'm',
      provider: 'p',
      limits: { contextTokens: 10_000, maximumOutputTokens: 1_000 },
      async *stream(request) {
        asked.push(request);
        yield { type: 'delta', text: 'SELECT email::int AS n FROM customers' };
        yield { type: 'end', finish: 'stop', model: 'm', usage: undefined };
      },
    };
    const ground = {
      readable: { connection: { send_rows_to_model: rows }, allowed: shop },
      tables: [],
      examples: [],
      terms: [],
    } as unknown as Ground;
    const id = '01990000-0000-7000-8000-000000000003';
    const written = await writeSql(
      chat,
      'How many?',
      ground,
      {
        refused: async () => {},
        attempt: ({ statement }) =>
          client.ask({
            v: 1,
            kind: 'run_statement',
            target: {
              workspace_id: id,
              connection_id: id,
              host: 'db.example',
              port: 5432,
              database: 'shop',
              user: 'reader',
              authentication: 'password',
              ssl: 'disable',
              ca_certificate: null,
              secret_arn: 'arn',
            },
            deadline: Date.now() + 30_000,
            statement,
            tables: [],
            schemas: [],
            types: [],
            limits: { rows: 1, bytes: 1, cost: 1, milliseconds: 1 },
          }),
      },
      { deadline: Date.now() + 30_000 },
    );
    expect(asked).toHaveLength(2);
    expect(JSON.stringify(asked).includes(canary)).toBe(reads);
    expect(JSON.stringify(asked[1]).includes('22P02')).toBe(!reads);
    // Whoever asked may see rows, and is told all of it.
    expect(written.error).toBeInstanceOf(DbragError);
    expect(written.error?.message).toContain(canary);
  },
);
