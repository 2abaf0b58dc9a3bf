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
    summary: 'Have a SELECT written for a question',
    body: contract.generateSql,
    idempotent: true,
    success: {
      status: 200,
      description:
        'One statement that passed the firewall and that the database can plan; it is not run. What cannot be answered from the tables, or was refused twice, is 422 `sql_rejected`',
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
    success: {
      status: 200,
      description:
        'Its rows; with `Accept: text/csv` as CSV, safe for spreadsheets. What the firewall refuses is 422 `sql_rejected`, and the detail names the rule',
      schema: contract.sqlResult,
    },
    handle: runSql,
  }),
];
