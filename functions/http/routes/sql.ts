import * as contract from '../contract/sql.ts';
import { generateSql } from '../generate-sql.ts';
import { defineRoute } from '../route.ts';
import { runSql } from '../run-sql.ts';

export const sqlRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/sql/generate',
    access: 'reader',
    rate: 'ask',
    tag: 'SQL',
    summary: 'Generate a SELECT for a question',
    body: contract.generateSql,
    idempotent: true,
    success: {
      status: 200,
      description:
        'One statement that passed the firewall and that the database can plan; it is not run. 422 `sql_rejected` if the tables cannot answer the question, or after two refused attempts',
      schema: contract.generatedSql,
    },
    handle: generateSql,
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/sql/run',
    access: 'reader',
    rate: 'read',
    tag: 'SQL',
    summary: 'Run a SELECT against a connected database',
    body: contract.runSql,
    // The answer is no stream, but only this function learns that a caller has left, and can then cancel the statement.
    streaming: true,
    success: {
      status: 200,
      description:
        'Its rows; with `Accept: text/csv` as CSV that is safe for spreadsheets. A statement that the firewall refuses is 422 `sql_rejected`, and the detail names the rule',
      schema: contract.sqlResult,
    },
    handle: runSql,
  }),
];
